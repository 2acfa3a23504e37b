// Vectors of the instruction set that a kernel is compiled for, as products of matrices use them: whole and
// partial loads and stores, multiply-add, the transposition of a square block. What they compute in a lane
// depends on the presence of a fused multiply-add alone.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/lanes.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace hinoko::kernels::HINOKO_ISA::gemm_detail {

template <class T>
using Vector = Lanes<T>;
template <class T>
struct IndexOf {
  using Int = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  using type = Lanes<Int>;
};
template <class T>
inline constexpr int kLanes = kNativeBytes / static_cast<int>(sizeof(T));

template <class T>
[[gnu::always_inline]] inline Vector<T> load(const T* p) {
  Vector<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
[[gnu::always_inline]] inline void store(T* p, const Vector<T>& v) {
  std::memcpy(p, &v, sizeof v);
}

// c + a b in every lane.
template <class T>
[[gnu::always_inline]] inline Vector<T> multiply_add(Vector<T> a, Vector<T> b, Vector<T> c) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<T, float>) return _mm512_fmadd_ps(a, b, c);
  if constexpr (std::is_same_v<T, double>) return _mm512_fmadd_pd(a, b, c);
#elif defined(__FMA__)
  if constexpr (std::is_same_v<T, float>) return _mm256_fmadd_ps(a, b, c);
  if constexpr (std::is_same_v<T, double>) return _mm256_fmadd_pd(a, b, c);
#elif defined(__aarch64__)
  if constexpr (std::is_same_v<T, float>) return vfmaq_f32(c, a, b);
  if constexpr (std::is_same_v<T, double>) return vfmaq_f64(c, a, b);
#endif
  return a * b + c;
}
template <class T>
[[gnu::always_inline]] inline Vector<T> broadcast(T x) {
  return x - Vector<T>{};
}
template <class T>
[[gnu::always_inline]] inline T multiply_add_scalar(T a, T b, T c) {
#if defined(__FMA__) || defined(__aarch64__)
  if constexpr (std::is_same_v<T, float>) return __builtin_fmaf(a, b, c);
  if constexpr (std::is_same_v<T, double>) return __builtin_fma(a, b, c);
#endif
  return a * b + c;
}

// The first lanes of a vector, 1 to all of them; memory beyond is not touched. kMasked: a load costs no more
// than that of a whole vector; kCheapStore: nor does a store.
template <class T>
class Part {
 public:
#if defined(__AVX512F__)
  static constexpr bool kMasked = true, kCheapStore = true;
#elif defined(__AVX2__)
  static constexpr bool kMasked = true, kCheapStore = false;
#else
  static constexpr bool kMasked = false, kCheapStore = false;
#endif

  Part() = default;
#if defined(__AVX512F__)
  explicit Part(int64_t count) noexcept : mask_(static_cast<Mask>((1U << count) - 1)) {}
  [[gnu::always_inline]] Vector<T> load(const T* p) const noexcept {
    if constexpr (sizeof(T) == 4)
      return _mm512_maskz_loadu_ps(mask_, p);
    else
      return _mm512_maskz_loadu_pd(mask_, p);
  }
  [[gnu::always_inline]] void store(T* p, const Vector<T>& v) const noexcept {
    if constexpr (sizeof(T) == 4)
      _mm512_mask_storeu_ps(p, mask_, v);
    else
      _mm512_mask_storeu_pd(p, mask_, v);
  }

 private:
  using Mask = std::conditional_t<sizeof(T) == 4, __mmask16, __mmask8>;
  Mask mask_ = 0;
#elif defined(__AVX2__)
  explicit Part(int64_t count) noexcept {
    typename IndexOf<T>::type lanes;
    for (int l = 0; l < kLanes<T>; ++l) lanes[l] = l;
    mask_ = reinterpret_cast<__m256i>(lanes < static_cast<typename IndexOf<T>::Int>(count));
  }
  [[gnu::always_inline]] Vector<T> load(const T* p) const noexcept {
    if constexpr (sizeof(T) == 4)
      return _mm256_maskload_ps(p, mask_);
    else
      return _mm256_maskload_pd(p, mask_);
  }
  [[gnu::always_inline]] void store(T* p, const Vector<T>& v) const noexcept {
    if constexpr (sizeof(T) == 4)
      _mm256_maskstore_ps(p, mask_, v);
    else
      _mm256_maskstore_pd(p, mask_, v);
  }

 private:
  __m256i mask_ = {};
#else
  explicit Part(int64_t count) noexcept : count_(count) {}
  Vector<T> load(const T* p) const noexcept {
    Vector<T> v = {};
    for (int l = 0; l < kLanes<T>; ++l)
      if (l < count_) v[l] = p[l];
    return v;
  }
  void store(T* p, const Vector<T>& v) const noexcept {
    for (int l = 0; l < kLanes<T>; ++l)
      if (l < count_) p[l] = v[l];
  }

 private:
  int64_t count_ = 0;
#endif
};

// Rows become columns, by log2(lanes) rounds of interleaving the halves.
template <class T>
[[gnu::always_inline]] inline void transpose(Vector<T> (&rows)[kLanes<T>]) {
  constexpr int L = kLanes<T>;
  typename IndexOf<T>::type low, high;
#pragma GCC unroll 16
  for (int l = 0; l < L; ++l) {
    low[l] = l / 2 + (l % 2) * L;
    high[l] = low[l] + L / 2;
  }
  Vector<T> next[L];
#pragma GCC unroll 4
  for (int round = 1; round < L; round *= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < L / 2; ++i) {
      next[2 * i] = __builtin_shuffle(rows[i], rows[i + L / 2], low);
      next[2 * i + 1] = __builtin_shuffle(rows[i], rows[i + L / 2], high);
    }
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) rows[i] = next[i];
  }
}

}  // namespace hinoko::kernels::HINOKO_ISA::gemm_detail
