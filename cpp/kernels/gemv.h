// A matrix times a vector, as the products of one instruction set call each other.
#pragma once

#include "kernels/gemm_tile.h"

namespace hinoko::kernels::HINOKO_ISA::gemm_detail {

// y[m] = a[m, k] x[k], then `finish` if there is one: its bias has the stride bias_row.
template <class T>
struct VectorProblem {
  int64_t m, k;
  const T* a;
  int64_t a_row, a_column;
  const T* x;
  int64_t x_step;
  T* y;
  int64_t y_step;
  const Finish<T>* finish;
};
void matrix_vector(const VectorProblem<float>& call);
void matrix_vector(const VectorProblem<double>& call);

}  // namespace hinoko::kernels::HINOKO_ISA::gemm_detail
