// Roundings, in T throughout (each option is computed as a double and rounded to T once):
//   g = -grad                                   if maximize
//   g = fma(weight_decay, param, g)             if weight_decay != 0
//   buffer = g                                  if the buffer is new
//   buffer = fma(1 - dampening, g, buffer * momentum)   else: the product is rounded before the fma
//   g = nesterov ? fma(momentum, buffer, g) : buffer    if momentum != 0
//   param = fma(-lr, g, param)
// A multiply-add is always fused, in the body and in the tail: the result of an element does not depend on
// its place, on the buffer's size or on the machine.
#include "optim/sgd.h"

#include <cmath>
#include <limits>

#include "base/error.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define HINOKO_FMA_CLONE 1
#define HINOKO_FMA [[gnu::target("avx2,fma")]]
#define HINOKO_FMA_INLINE [[gnu::target("avx2,fma"), gnu::always_inline]]
#else
#define HINOKO_FMA_CLONE 0
#endif

namespace hinoko {
namespace {

template <class T>
struct Scalars {
  T minus_lr, momentum, one_minus_dampening, weight_decay;
  bool has_weight_decay, has_momentum, first, nesterov, maximize;

  Scalars(const SgdOptions& o, bool new_buffer)
      : minus_lr(static_cast<T>(-o.lr)),
        momentum(static_cast<T>(o.momentum)),
        one_minus_dampening(static_cast<T>(1.0 - o.dampening)),
        weight_decay(static_cast<T>(o.weight_decay)),
        has_weight_decay(o.weight_decay != 0),
        has_momentum(o.momentum != 0),
        first(new_buffer),
        nesterov(o.nesterov),
        maximize(o.maximize) {}
};

// Always inlined: within the FMA clone std::fma is one instruction, elsewhere it is the library's exact one.
template <class T>
[[gnu::always_inline]] inline void update_element(T* param, const T* grad, T* buffer, int64_t i,
                                                  const Scalars<T>& s) {
  T g = grad[i];
  if (s.maximize) g = -g;
  if (s.has_weight_decay) g = std::fma(s.weight_decay, param[i], g);
  if (s.has_momentum) {
    const T b = s.first ? g : std::fma(s.one_minus_dampening, g, buffer[i] * s.momentum);
    buffer[i] = b;
    g = s.nesterov ? std::fma(s.momentum, b, g) : b;
  }
  param[i] = std::fma(s.minus_lr, g, param[i]);
}

template <class T>
void update_portable(T* param, const T* grad, T* buffer, int64_t n, const Scalars<T>& s) {
  for (int64_t i = 0; i < n; ++i) update_element(param, grad, buffer, i, s);
}

#if HINOKO_FMA_CLONE

struct Float8 {
  using Vector = __m256;
  static constexpr int kSize = 8;
  HINOKO_FMA_INLINE static inline Vector load(const float* p) { return _mm256_loadu_ps(p); }
  HINOKO_FMA_INLINE static inline void store(float* p, Vector v) { _mm256_storeu_ps(p, v); }
  HINOKO_FMA_INLINE static inline Vector fill(float x) { return _mm256_set1_ps(x); }
  HINOKO_FMA_INLINE static inline Vector neg(Vector v) { return _mm256_xor_ps(v, _mm256_set1_ps(-0.0F)); }
  HINOKO_FMA_INLINE static inline Vector mul(Vector a, Vector b) { return _mm256_mul_ps(a, b); }
  HINOKO_FMA_INLINE static inline Vector fma(Vector a, Vector b, Vector c) {
    return _mm256_fmadd_ps(a, b, c);
  }
};

struct Double4 {
  using Vector = __m256d;
  static constexpr int kSize = 4;
  HINOKO_FMA_INLINE static inline Vector load(const double* p) { return _mm256_loadu_pd(p); }
  HINOKO_FMA_INLINE static inline void store(double* p, Vector v) { _mm256_storeu_pd(p, v); }
  HINOKO_FMA_INLINE static inline Vector fill(double x) { return _mm256_set1_pd(x); }
  HINOKO_FMA_INLINE static inline Vector neg(Vector v) { return _mm256_xor_pd(v, _mm256_set1_pd(-0.0)); }
  HINOKO_FMA_INLINE static inline Vector mul(Vector a, Vector b) { return _mm256_mul_pd(a, b); }
  HINOKO_FMA_INLINE static inline Vector fma(Vector a, Vector b, Vector c) {
    return _mm256_fmadd_pd(a, b, c);
  }
};

template <class V, class T>
HINOKO_FMA void update_fma(T* param, const T* grad, T* buffer, int64_t n, const Scalars<T>& s) {
  int64_t i = 0;
  if (n >= V::kSize) {
    const auto minus_lr = V::fill(s.minus_lr);
    const auto momentum = V::fill(s.momentum);
    const auto one_minus_dampening = V::fill(s.one_minus_dampening);
    const auto weight_decay = V::fill(s.weight_decay);
    for (; i + V::kSize <= n; i += V::kSize) {
      const auto p = V::load(param + i);
      auto g = V::load(grad + i);
      if (s.maximize) g = V::neg(g);
      if (s.has_weight_decay) g = V::fma(weight_decay, p, g);
      if (s.has_momentum) {
        auto b = g;
        if (!s.first) b = V::fma(one_minus_dampening, g, V::mul(V::load(buffer + i), momentum));
        V::store(buffer + i, b);
        g = s.nesterov ? V::fma(momentum, b, g) : b;
      }
      V::store(param + i, V::fma(minus_lr, g, p));
    }
  }
  for (; i < n; ++i) update_element(param, grad, buffer, i, s);
}

bool detect_fma() noexcept {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
const bool kHasFma = detect_fma();

void update_clone(float* param, const float* grad, float* buffer, int64_t n, const Scalars<float>& s) {
  update_fma<Float8>(param, grad, buffer, n, s);
}
void update_clone(double* param, const double* grad, double* buffer, int64_t n, const Scalars<double>& s) {
  update_fma<Double4>(param, grad, buffer, n, s);
}

#endif  // HINOKO_FMA_CLONE

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
  const Scalars<T> s(options, first);
#if HINOKO_FMA_CLONE
  if (kHasFma) return update_clone(param, grad, momentum_buffer, n, s);
#endif
  update_portable(param, grad, momentum_buffer, n, s);
}

template void sgd_check<float>(const SgdOptions&, bool);
template void sgd_check<double>(const SgdOptions&, bool);
template void sgd_update<float>(float*, const float*, float*, bool, int64_t, const SgdOptions&);
template void sgd_update<double>(double*, const double*, double*, bool, int64_t, const SgdOptions&);

}  // namespace hinoko
