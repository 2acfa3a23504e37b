// The interface of the matrix kernels: products of raw strided buffers. Strides are in elements.
#pragma once

#include <array>
#include <cstdint>

#include "tensor/dtype.h"

namespace hinoko::kernels {

// c[m, n] = alpha a[m, k] b[k, n] + beta bias[m, n], `count` times. Rows of c are adjacent elements, `c_row`
// apart; rows of the bias are adjacent, or repeat one element. No operand overlaps with c.
struct GemmCall {
  int64_t m, n, k;
  const void* a;
  int64_t a_row, a_column;
  const void* b;
  int64_t b_row, b_column;
  void* c;
  int64_t c_row;
  int64_t count = 1;
  int64_t a_step = 0, b_step = 0, c_step = 0, bias_step = 0;
  // Floating point alone:
  double alpha = 1, beta = 0;
  const void* bias = nullptr;  // not read if beta is 0
  int64_t bias_row = 0, bias_column = 0;
};
using Gemm = void (*)(const GemmCall& call);

// Note [Order of a product]: k is cut in equal blocks of at most 256 (as few as it takes; the last may be
// shorter). Within a block every element of c is one chain of multiplications and additions over k in order,
// fused where the instruction set can (everywhere but on the baseline of x86-64); the sums of the blocks are
// added in order; then come alpha and the bias. A row or a column of a product with one row or column is a
// dot: one sum per lane (32 of float32, 16 of float64; element i goes to lane i modulo their number), and the
// lanes are added up as a tree; up to 15 elements are summed in order.
// So an element depends on its row of a, its column of b and on whether one of them is all there is: not on
// its position, on strides, on blocking, on the width of a vector or on the number of threads.

using Dot = void (*)(int64_t n, void* out, const void* a, int64_t a_step, const void* b, int64_t b_step);

// y[m] = alpha a[m, k] x[k] + beta bias[m], y adjacent.
struct GemvCall {
  int64_t m, k;
  const void* a;
  int64_t a_row, a_column;
  const void* x;
  int64_t x_step;
  void* y;
  // Floating point alone:
  double alpha = 1, beta = 0;
  const void* bias = nullptr;  // not read if beta is 0
  int64_t bias_step = 0;
};
using Gemv = void (*)(const GemvCall& call);

struct GemmTable {  // by dtype; null for bool
  std::array<Gemm, kNumDTypes> product;
  std::array<Dot, kNumDTypes> dot;
  std::array<Gemv, kNumDTypes> matrix_vector;
};

}  // namespace hinoko::kernels
