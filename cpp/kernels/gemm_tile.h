// The register tile of a product of matrices: some rows and a few vectors of columns of c are held in
// registers while one block of k passes by. See Note [Order of a product].
#pragma once

#include <array>
#include <utility>

#include "kernels/gemm_vector.h"

namespace hinoko::kernels::HINOKO_ISA::gemm_detail {

#if defined(__AVX512F__)
inline constexpr int kTileRows = 12;  // 12 x 2 of 32 registers; the rest for b
#elif defined(__AVX2__) || defined(__aarch64__)
inline constexpr int kTileRows = 6;  // 6 x 2 of 16
#else
inline constexpr int kTileRows = 4;
#endif
inline constexpr int kTileVectors = 2;
template <class T>
inline constexpr int kTileColumns = kTileVectors * kLanes<T>;

// What follows the last block of k: c = alpha c + beta bias.
template <class T>
struct Finish {
  T alpha, beta;
  const T* bias;  // or null
  int64_t bias_row, bias_column;
};

template <class T>
struct TileCall {
  int64_t k;
  const T* a;
  int64_t a_row, a_column;
  const T* b;
  int64_t b_row;
  T* c;
  int64_t c_row;
  bool add;      // to c
  bool whole;    // the last vector is; otherwise `part` of it
  Part<T> part;  // also of a whole one
};

// c[R, N vectors] (+)= a[R, k] b[k, N vectors]. Without masked loads, b comes in whole vectors: panels at the
// edge are filled up with zeros.
template <class T, int R, int N>
void tile(const TileCall<T>& call) {
  constexpr int L = kLanes<T>;
  using V = Vector<T>;
  const Part<T> part = call.part;
  V sum[R][N];
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int j = 0; j < N; ++j) sum[r][j] = V{};

  // Three rows per pointer: two are within reach of an address.
  constexpr int kPointers = (R + 2) / 3;
  const int64_t a_row = call.a_row, a_column = call.a_column, b_row = call.b_row;
  const T* a[kPointers];
#pragma GCC unroll 4
  for (int g = 0; g < kPointers; ++g) {
    a[g] = call.a + 3 * g * a_row;
    asm("" : "+r"(a[g]));
  }
  T* const c = call.c;
  const int64_t c_row = call.c_row;
  if (call.k >= 64)  // c will be needed by the time that the sums are there
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
      for (int j = 0; j < N; ++j) __builtin_prefetch(c + r * c_row + j * L, 1);
  const T* b = call.b;
  for (int64_t p = call.k; p > 0; --p) {
    V right[N];
#pragma GCC unroll 2
    for (int j = 0; j < N; ++j)
      right[j] = j == N - 1 && Part<T>::kMasked ? part.load(b + j * L) : load(b + j * L);
    b += b_row;
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
      const V left = broadcast<T>(a[r / 3][(r % 3) * a_row]);
#pragma GCC unroll 2
      for (int j = 0; j < N; ++j) sum[r][j] = multiply_add<T>(left, right[j], sum[r][j]);
    }
#pragma GCC unroll 4
    for (int g = 0; g < kPointers; ++g) a[g] += a_column;
  }

  const bool whole = Part<T>::kCheapStore ? false : call.whole;
  if (call.add) {
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
      T* const row = c + r * c_row;
      if (N == 2) sum[r][0] = load(row) + sum[r][0];
      sum[r][N - 1] = (whole ? load(row + (N - 1) * L) : part.load(row + (N - 1) * L)) + sum[r][N - 1];
    }
  }
  if (whole) {
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
      for (int j = 0; j < N; ++j) store(c + r * c_row + j * L, sum[r][j]);
  } else {
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
      if (N == 2) store(c + r * c_row, sum[r][0]);
      part.store(c + r * c_row + (N - 1) * L, sum[r][N - 1]);
    }
  }
}

template <class T>
using Tile = void (*)(const TileCall<T>& call);

// By rows - 1.
template <class T, int N>
inline constexpr std::array<Tile<T>, kTileRows> kTiles = []<size_t... R>(std::index_sequence<R...>) {
  return std::array<Tile<T>, kTileRows>{tile<T, static_cast<int>(R) + 1, N>...};
}(std::make_index_sequence<kTileRows>{});

// The tile of `rows` that covers `columns`, at most as many as a tile has.
template <class T>
inline Tile<T> pick_tile(int64_t rows, int64_t columns) {
  return (columns > kLanes<T> ? kTiles<T, 2> : kTiles<T, 1>)[static_cast<size_t>(rows - 1)];
}
template <class T>
inline void set_columns(TileCall<T>& call, int64_t columns) {
  constexpr int L = kLanes<T>;
  call.whole = columns % L == 0;
  call.part = Part<T>((columns - 1) % L + 1);
}

// c = alpha c + beta bias, for `rows` of c.
template <class T>
void finish_rows(const Finish<T>& finish, const T* bias, int64_t rows, int64_t columns, T* c, int64_t c_row) {
  constexpr int L = kLanes<T>;
  const Vector<T> alpha = broadcast<T>(finish.alpha), beta = broadcast<T>(finish.beta);
  for (int64_t r = 0; r < rows; ++r, c += c_row) {
    const Vector<T> same = bias && finish.bias_column == 0 ? beta * broadcast<T>(*bias) : Vector<T>{};
    for (int64_t j = 0; j < columns; j += L) {
      const Part<T> part(columns - j < L ? columns - j : L);
      Vector<T> v = part.load(c + j) * alpha;
      if (bias) v += finish.bias_column == 0 ? same : beta * part.load(bias + j);
      part.store(c + j, v);
    }
    if (bias) bias += finish.bias_row;
  }
}

}  // namespace hinoko::kernels::HINOKO_ISA::gemm_detail
