// Copies of the operands of a large product in the order in which tiles read them: b in panels as wide as a
// tile, a in panels as high as one.
#pragma once

#include "kernels/gemm_tile.h"

namespace hinoko::kernels::HINOKO_ISA::gemm_detail {

// out[p * out_row + l] = from[p + l * from_row] for l < count <= lanes, p < k. Lanes beyond `count` may be
// filled with zeros as far as `end`.
template <class T>
void pack_across(T* out, int64_t out_row, const T* end, int64_t count, int64_t k, const T* from,
                 int64_t from_row) {
  constexpr int L = kLanes<T>;
  const Part<T> lanes(count);
  for (int64_t p = 0; p < k; p += L) {
    Vector<T> rows[L];
    const int64_t depth = k - p < L ? k - p : L;
    if (depth == L) {
#pragma GCC unroll 16
      for (int l = 0; l < L; ++l) rows[l] = l < count ? load(from + l * from_row + p) : Vector<T>{};
    } else {
      const Part<T> part(depth);
#pragma GCC unroll 16
      for (int l = 0; l < L; ++l) rows[l] = l < count ? part.load(from + l * from_row + p) : Vector<T>{};
    }
    transpose<T>(rows);
    T* const here = out + p * out_row;
    if (depth == L && here + (L - 1) * out_row + L <= end) {
#pragma GCC unroll 16
      for (int l = 0; l < L; ++l) store(here + l * out_row, rows[l]);
    } else {
#pragma GCC unroll 16
      for (int l = 0; l < L; ++l) {
        if (l >= depth) break;
        if (here + l * out_row + L <= end)
          store(here + l * out_row, rows[l]);
        else
          lanes.store(here + l * out_row, rows[l]);
      }
    }
  }
}

// out[k, kTileColumns] = b[k, columns], filled up with zeros.
template <class T>
void pack_right(T* out, int64_t k, int64_t columns, const T* b, int64_t b_row, int64_t b_column) {
  constexpr int L = kLanes<T>;
  constexpr int W = kTileColumns<T>;
  if (b_column == 1) {
    if (columns == W) {
      for (int64_t p = 0; p < k; ++p, b += b_row, out += W) {
        __builtin_prefetch(b + 16 * b_row);
        __builtin_prefetch(b + 16 * b_row + L);
        store(out, load(b));
        store(out + L, load(b + L));
      }
      return;
    }
    const bool both = columns > L;
    const Part<T> part(both ? columns - L : columns);
    for (int64_t p = 0; p < k; ++p, b += b_row, out += W) {
      store(out, both ? load(b) : part.load(b));
      store(out + L, both ? part.load(b + L) : Vector<T>{});
    }
    return;
  }
  if (b_row == 1 && k >= L / 2) {
    for (int64_t j = 0; j < W; j += L)
      pack_across(out + j, W, out + k * W,
                  columns - j < 0   ? 0
                  : columns - j < L ? columns - j
                                    : L,
                  k, b + j * b_column, b_column);
    return;
  }
  for (int64_t p = 0; p < k; ++p)
    for (int64_t j = 0; j < W; ++j) out[p * W + j] = j < columns ? b[p * b_row + j * b_column] : T(0);
}

// out[k, rows] = the transpose of a[rows, k].
template <class T>
void pack_left(T* out, int64_t rows, int64_t k, const T* a, int64_t a_row, int64_t a_column) {
  constexpr int L = kLanes<T>;
  if (rows <= L) {
    const T* const end = out + k * rows;
    if (a_column == 1 && k >= L / 2) return pack_across(out, rows, end, rows, k, a, a_row);
    if (a_row == 1) {
      const Part<T> part(rows);
      int64_t p = 0;
      for (; p * rows + L <= k * rows; ++p) store(out + p * rows, part.load(a + p * a_column));
      for (; p < k; ++p) part.store(out + p * rows, part.load(a + p * a_column));
      return;
    }
  }
  for (int64_t p = 0; p < k; ++p)
    for (int64_t r = 0; r < rows; ++r) out[p * rows + r] = a[r * a_row + p * a_column];
}

}  // namespace hinoko::kernels::HINOKO_ISA::gemm_detail
