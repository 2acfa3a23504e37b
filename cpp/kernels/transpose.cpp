// Copies between layouts that disagree about which dimension is the innermost one.
#include <algorithm>
#include <type_traits>

#include "kernels/compiled.h"
#include "kernels/lanes.h"

namespace hinoko::kernels::HINOKO_ISA {

namespace {

constexpr int64_t kTile = 16;

template <class Word>
inline void move_square(char* out, const char* in, int64_t out_stride, int64_t in_stride) {
  if constexpr (kNativeBytes >= 32 && sizeof(Word) >= 4) {
    // Floating point only in name: shuffles leave the bits alone.
    using T = std::conditional_t<sizeof(Word) == 8, double, float>;
    constexpr int L = 32 / sizeof(T);
    constexpr int64_t width = sizeof(T);
#pragma GCC unroll 4
    for (int64_t i = 0; i < kTile; i += L)
      for (int64_t j = 0; j < kTile; j += L) {
        Lanes<T, 32> v[L];
        for (int k = 0; k < L; ++k) v[k] = lanes_at<T, 32>(in + (j + k) * in_stride + i * width);
        transpose_square(v);
        for (int k = 0; k < L; ++k) lanes_at<T, 32>(out + (i + k) * out_stride + j * width) = v[k];
      }
  } else {
    for (int64_t i = 0; i < kTile; ++i)
      for (int64_t j = 0; j < kTile; ++j)
        reinterpret_cast<Word*>(out + i * out_stride)[j] =
            reinterpret_cast<const Word*>(in + j * in_stride)[i];
  }
}

template <class Word>
void transpose_of(char* out, const char* in, int64_t rows, int64_t columns, int64_t out_stride,
                  int64_t in_stride) {
  constexpr int64_t width = sizeof(Word);
  for (int64_t i = 0; i < rows; i += kTile) {
    const int64_t height = std::min(kTile, rows - i);
    int64_t j = 0;
    if (height == kTile)
      for (; j + kTile <= columns; j += kTile)
        move_square<Word>(out + i * out_stride + j * width, in + j * in_stride + i * width, out_stride,
                          in_stride);
    for (; j < columns; j += kTile)
      for (int64_t r = i; r < i + height; ++r)
        for (int64_t c = j; c < std::min(j + kTile, columns); ++c)
          reinterpret_cast<Word*>(out + r * out_stride)[c] =
              reinterpret_cast<const Word*>(in + c * in_stride)[r];
  }
}

}  // namespace

const TransposeRow transpose = {transpose_of<uint8_t>, transpose_of<uint16_t>, transpose_of<uint32_t>,
                                transpose_of<uint64_t>};

}  // namespace hinoko::kernels::HINOKO_ISA
