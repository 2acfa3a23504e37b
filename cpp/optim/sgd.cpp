// Checks of the options; the loop itself is kernels/sgd.cpp.
#include "optim/sgd.h"

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/parallel.h"
#include "kernels/kernels.h"

namespace hinoko {
namespace {

template <class T>
void check_scalar(double x) {  // infinities and NaN pass
  if (std::isfinite(x) && std::fabs(x) > static_cast<double>(std::numeric_limits<T>::max())) {
    fail("value cannot be converted to type ", sizeof(T) == 4 ? "float" : "double", " without overflow");
  }
}

}  // namespace

template <class T>
void sgd_check(const SgdOptions& options, bool first) {
  check_scalar<T>(options.weight_decay);
  if (options.momentum != 0) {
    // The factor of the old buffer alone may overflow: it becomes infinite.
    if (!first) check_scalar<T>(1.0 - options.dampening);
    if (options.nesterov) check_scalar<T>(options.momentum);
  }
  check_scalar<T>(options.lr);
}

template <class T>
void sgd_update(T* param, const T* grad, T* momentum_buffer, bool first, int64_t n,
                const SgdOptions& options) {
  const kernels::SgdCall call{options.lr,
                              options.momentum,
                              options.dampening,
                              options.weight_decay,
                              options.nesterov,
                              options.maximize,
                              first};
  kernels::SgdLoop<T> loop;
  if constexpr (sizeof(T) == sizeof(float)) {
    loop = kernels::sgd.float32;
  } else {
    loop = kernels::sgd.float64;
  }
  parallel_elements(n, [&](int64_t begin, int64_t end) {
    loop(end - begin, param + begin, grad + begin, momentum_buffer ? momentum_buffer + begin : nullptr, call);
  });
}

template void sgd_check<float>(const SgdOptions&, bool);
template void sgd_check<double>(const SgdOptions&, bool);
template void sgd_update<float>(float*, const float*, float*, bool, int64_t, const SgdOptions&);
template void sgd_update<double>(double*, const double*, double*, bool, int64_t, const SgdOptions&);

}  // namespace hinoko
