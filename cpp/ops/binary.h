// Checks shared by the operations of two operands (binary.cpp, power.cpp).
#pragma once

#include "autograd/saved.h"
#include "ops/ops.h"

namespace hinoko::detail {

// The dtype that `id` computes in; refuses dtypes for which torch has no such operation.
DType check_operands(BinaryId id, Result result, const Tensor& a, const Tensor& b);
DType check_operands(BinaryId id, Result result, const Tensor& a, const Scalar& b);
// Integer division by zero, integers to negative powers.
void check_values(BinaryId id, DType compute, const Tensor& b);
void check_values(BinaryId id, DType compute, const Scalar& b);
// That a result of `sizes`, or of `dtype`, may be written into `a`.
void check_inplace_sizes(const Tensor& a, const Dims& sizes);
void check_inplace_dtype(const Tensor& a, DType dtype);
// torch prints grad_fn=<NotImplemented> for a few operations, and refuses their gradient.
Node* not_implemented(const char* operation, const Tensor& a, const Tensor& b);
// The producer of a result that does not depend on its inputs smoothly: it sends zeros.
Node* zero_gradient(const char* name, const Tensor& a, const Tensor& b);

}  // namespace hinoko::detail
