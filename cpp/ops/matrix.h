// Products as the operations of matmul.cpp and addmm.cpp share them: raw forward passes, and the gradients of
// the two matrices.
#pragma once

#include "autograd/engine.h"
#include "autograd/saved.h"
#include "kernels/kernels.h"
#include "ops/views.h"

namespace hinoko::detail {

// A matrix as the kernels see it.
struct Matrix {
  char* data;
  int64_t rows, columns, row_stride, column_stride;
  Matrix(char* d, int64_t r, int64_t c, int64_t rs, int64_t cs)
      : data(d), rows(r), columns(c), row_stride(rs), column_stride(cs) {}
  // The last two dimensions of `t`.
  explicit Matrix(const TensorImpl& t)
      : Matrix(static_cast<char*>(t.data), t.size(t.ndim - 2), t.size(t.ndim - 1), t.stride(t.ndim - 2),
               t.stride(t.ndim - 1)) {}
  Matrix transposed() const { return {data, columns, rows, column_stride, row_stride}; }
};

// What an addmm makes of a product: alpha (the product) + beta bias. Rows of the bias are adjacent elements,
// or repeat one. Floating point alone.
struct Addition {
  double alpha = 1, beta = 0;
  Matrix bias{nullptr, 0, 0, 0, 0};
  int64_t step = 0;  // from one matrix of a batch to the next

  Addition transposed() const { return {alpha, beta, bias.transposed(), step}; }
};

struct Batch {
  int64_t count, a_step, b_step, c_step;
};

// out = a b, `batch.count` times; rows of `out` are adjacent, or else its columns.
void multiply(DType dtype, const Matrix& out, const Matrix& a, const Matrix& b, const Addition& addition = {},
              const Batch& batch = {1, 0, 0, 0});
Tensor mm_raw(DType dtype, const Matrix& a, const Matrix& b, bool column_major = false,
              const Addition& addition = {});
Tensor mv_raw(DType dtype, const Matrix& a, const TensorImpl& x, double alpha = 1, double beta = 0,
              const void* bias = nullptr, int64_t bias_step = 0);
Tensor bmm_raw(DType dtype, const Matrix& a, int64_t a_step, const Matrix& b, int64_t b_step, int64_t count,
               const Addition& addition = {});

inline bool is_column_major(const Tensor& t) { return t.stride(0) == 1 && t.stride(1) == t.size(0); }

// Gradients of a and b in alpha (a b), recorded where they have to be. Those of matrices are laid out as the
// matrix is.
Tensor mm_gradient_a(Node& node, const Tensor& g, const SavedTensor& b, bool column_major,
                     const Scalar& alpha);
Tensor mm_gradient_b(Node& node, const Tensor& g, const SavedTensor& a, bool column_major,
                     const Scalar& alpha);
Tensor bmm_gradient_a(Node& node, const Tensor& g, const SavedTensor& b, const Scalar& alpha);
Tensor bmm_gradient_b(Node& node, const Tensor& g, const SavedTensor& a, const Scalar& alpha);
Tensor mv_gradient_a(Node& node, const Tensor& g, const SavedTensor& x, const Scalar& alpha);
Tensor mv_gradient_x(Node& node, const Tensor& g, const SavedTensor& a, const Scalar& alpha);

inline Tensor times(Tensor t, const Scalar& factor) { return factor.equals(1) ? t : mul(t, factor); }

}  // namespace hinoko::detail
