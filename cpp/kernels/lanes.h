// Vectors of the width that the instruction set at hand has, for kernels whose order of operations is fixed
// by hand. Only the sources that are compiled per instruction set include this.
#pragma once

#include <cstdint>
#include <cstring>

#include "base/isa.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hinoko::kernels::HINOKO_ISA {

#if defined(__AVX512F__)
inline constexpr int kNativeBytes = 64;
#elif defined(__AVX2__)
inline constexpr int kNativeBytes = 32;
#else
inline constexpr int kNativeBytes = 16;
#endif

template <class T, int kBytes>
struct LanesOf {
  typedef T type __attribute__((vector_size(kBytes)));
  // The same in memory, at any address.
  typedef T unaligned __attribute__((vector_size(kBytes), aligned(alignof(T)), may_alias));
};
template <class T, int kBytes = kNativeBytes>
using Lanes = typename LanesOf<T, kBytes>::type;
template <class T, int kBytes = kNativeBytes>
using LanesInMemory = typename LanesOf<T, kBytes>::unaligned;

template <class T>
inline T load(const char* p) {
  return *reinterpret_cast<const T*>(p);
}

// Vectors are handed over by reference: wider ones than the machine's have no agreed way by value.
template <class T, int kBytes = kNativeBytes>
inline const LanesInMemory<T, kBytes>& lanes_at(const void* p) {
  return *static_cast<const LanesInMemory<T, kBytes>*>(p);
}
template <class T, int kBytes = kNativeBytes>
inline LanesInMemory<T, kBytes>& lanes_at(void* p) {
  return *static_cast<LanesInMemory<T, kBytes>*>(p);
}

// One bit for each lane of a mask, the result of a comparison.
template <class Mask>
inline uint64_t bits(const Mask& mask) {
  constexpr size_t kWidth = sizeof(mask[0]);
#if defined(__AVX512F__)
  const auto v = reinterpret_cast<__m512i>(mask);
  if constexpr (kWidth == 8) return _mm512_movepi64_mask(v);
  if constexpr (kWidth == 4) return _mm512_movepi32_mask(v);
  if constexpr (kWidth == 1) return _mm512_movepi8_mask(v);
#elif defined(__AVX2__)
  if constexpr (kWidth == 8)
    return static_cast<uint32_t>(_mm256_movemask_pd(reinterpret_cast<__m256d>(mask)));
  if constexpr (kWidth == 4) return static_cast<uint32_t>(_mm256_movemask_ps(reinterpret_cast<__m256>(mask)));
  if constexpr (kWidth == 1)
    return static_cast<uint32_t>(_mm256_movemask_epi8(reinterpret_cast<__m256i>(mask)));
#elif defined(__x86_64__)
  if constexpr (kWidth == 8) return static_cast<uint32_t>(_mm_movemask_pd(reinterpret_cast<__m128d>(mask)));
  if constexpr (kWidth == 4) return static_cast<uint32_t>(_mm_movemask_ps(reinterpret_cast<__m128>(mask)));
  if constexpr (kWidth == 1) return static_cast<uint32_t>(_mm_movemask_epi8(reinterpret_cast<__m128i>(mask)));
#else
  uint64_t all = 0;
  for (size_t i = 0; i < sizeof mask / kWidth; ++i) all |= uint64_t{mask[i] != 0} << i;
  return all;
#endif
}
template <class Mask>
inline bool any(const Mask& mask) {
  return bits(mask) != 0;
}

// Rows of a square become its columns.
inline void transpose_square(Lanes<float, 32> (&v)[8]) {
  Lanes<float, 32> a[8], b[8];
  for (int i = 0; i < 8; i += 2) {
    a[i] = __builtin_shufflevector(v[i], v[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    a[i + 1] = __builtin_shufflevector(v[i], v[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int i = 0; i < 8; i += 4)
    for (int k = 0; k < 2; ++k) {
      b[i + 2 * k] = __builtin_shufflevector(a[i + k], a[i + k + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      b[i + 2 * k + 1] = __builtin_shufflevector(a[i + k], a[i + k + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  for (int i = 0; i < 4; ++i) {
    v[i] = __builtin_shufflevector(b[i], b[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    v[i + 4] = __builtin_shufflevector(b[i], b[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}
inline void transpose_square(Lanes<double, 32> (&v)[4]) {
  Lanes<double, 32> a[4];
  for (int i = 0; i < 4; i += 2) {
    a[i] = __builtin_shufflevector(v[i], v[i + 1], 0, 4, 2, 6);
    a[i + 1] = __builtin_shufflevector(v[i], v[i + 1], 1, 5, 3, 7);
  }
  for (int i = 0; i < 2; ++i) {
    v[i] = __builtin_shufflevector(a[i], a[i + 2], 0, 1, 4, 5);
    v[i + 2] = __builtin_shufflevector(a[i], a[i + 2], 2, 3, 6, 7);
  }
}

}  // namespace hinoko::kernels::HINOKO_ISA
