// The interface of the matrix kernels: products of raw strided buffers. Strides are in elements.
#pragma once

#include <array>
#include <cstdint>

#include "tensor/dtype.h"

namespace hinoko::kernels {

// c[m, n] = a[m, k] b[k, n]; rows of c are adjacent elements, `c_row` apart. No operand overlaps with c.
struct GemmCall {
  int64_t m, n, k;
  const void* a;
  int64_t a_row, a_column;
  const void* b;
  int64_t b_row, b_column;
  void* c;
  int64_t c_row;
};
using Gemm = void (*)(const GemmCall& call);

// Note [Order of a product]: every element of c is summed over k in order, one multiplication and one
// addition at a time. So the result depends neither on blocking, nor on vector width, nor on strides.

// out = the sum of a[i] b[i]: in order up to 15 elements, in lanes beyond.
using Dot = void (*)(int64_t n, void* out, const void* a, int64_t a_step, const void* b, int64_t b_step);

// y[m] = a[m, k] x[k], y adjacent. Each row is a dot, or is summed in order where columns of `a` are
// adjacent.
struct GemvCall {
  int64_t m, k;
  const void* a;
  int64_t a_row, a_column;
  const void* x;
  int64_t x_step;
  void* y;
};
using Gemv = void (*)(const GemvCall& call);

struct GemmTable {  // by dtype; null for bool
  std::array<Gemm, kNumDTypes> product;
  std::array<Dot, kNumDTypes> dot;
  std::array<Gemv, kNumDTypes> matrix_vector;
};

}  // namespace hinoko::kernels
