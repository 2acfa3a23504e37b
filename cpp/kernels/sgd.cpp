// Note [Roundings of SGD]: in T throughout (each option is computed as a double and rounded to T once):
//   g = -grad                                   if maximize
//   g = fma(weight_decay, param, g)             if weight_decay != 0
//   buffer = g                                  if the buffer is new
//   buffer = fma(1 - dampening, g, buffer * momentum)   else: the product is rounded before the fma
//   g = nesterov ? fma(momentum, buffer, g) : buffer    if momentum != 0
//   param = fma(-lr, g, param)
// A multiply-add is fused on every machine: where the hardware has none, std::fma is the library's exact one.
#include <cmath>

#include "kernels/compiled.h"

namespace hinoko::kernels::HINOKO_ISA {

namespace {

enum class Buffer { None, New, Kept };

template <class T, Buffer kBuffer, bool kDecays>
void update(int64_t n, T* __restrict param, const T* __restrict grad, T* __restrict buffer,
            const SgdCall& call) {
  const T minus_lr = static_cast<T>(-call.lr), momentum = static_cast<T>(call.momentum),
          fresh = static_cast<T>(1.0 - call.dampening), decay = static_cast<T>(call.weight_decay);
  const T sign = call.maximize ? T(-1) : T(1);
  const bool nesterov = call.nesterov;
  for (int64_t i = 0; i < n; ++i) {
    T g = grad[i] * sign;  // exact
    if constexpr (kDecays) g = std::fma(decay, param[i], g);
    if constexpr (kBuffer != Buffer::None) {
      T b = g;
      if constexpr (kBuffer == Buffer::Kept) b = std::fma(fresh, g, buffer[i] * momentum);
      buffer[i] = b;
      g = nesterov ? std::fma(momentum, b, g) : b;
    }
    param[i] = std::fma(minus_lr, g, param[i]);
  }
}

template <class T, Buffer kBuffer>
void update_decaying(int64_t n, T* param, const T* grad, T* buffer, const SgdCall& call) {
  if (call.weight_decay != 0) return update<T, kBuffer, true>(n, param, grad, buffer, call);
  update<T, kBuffer, false>(n, param, grad, buffer, call);
}

template <class T>
void update_any(int64_t n, T* param, const T* grad, T* buffer, const SgdCall& call) {
  if (call.momentum == 0) return update_decaying<T, Buffer::None>(n, param, grad, buffer, call);
  if (call.first) return update_decaying<T, Buffer::New>(n, param, grad, buffer, call);
  update_decaying<T, Buffer::Kept>(n, param, grad, buffer, call);
}

}  // namespace

const SgdTable sgd = {update_any<float>, update_any<double>};

}  // namespace hinoko::kernels::HINOKO_ISA
