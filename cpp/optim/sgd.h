// The update of stochastic gradient descent on plain contiguous buffers: one pass over memory per
// parameter, whatever the options.
#pragma once

#include <cstdint>

namespace hinoko {

struct SgdOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;
  bool maximize = false;
};

// Throws where an option does not fit into T ("value cannot be converted to type float without
// overflow"). Apart from the update, so that a caller can check every parameter before it changes one.
// `first`: as in sgd_update.
template <class T>
void sgd_check(const SgdOptions& options, bool first);

// One step of `n` elements. `momentum_buffer` is null exactly if options.momentum == 0; `first` says that
// it is new and uninitialised: it becomes a copy of the gradient. The buffers must not overlap.
template <class T>
void sgd_update(T* param, const T* grad, T* momentum_buffer, bool first, int64_t n,
                const SgdOptions& options);

extern template void sgd_check<float>(const SgdOptions&, bool);
extern template void sgd_check<double>(const SgdOptions&, bool);
extern template void sgd_update<float>(float*, const float*, float*, bool, int64_t, const SgdOptions&);
extern template void sgd_update<double>(double*, const double*, double*, bool, int64_t, const SgdOptions&);

}  // namespace hinoko
