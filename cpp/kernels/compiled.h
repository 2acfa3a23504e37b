// What the sources that are compiled per instruction set contribute to the table of that set.
#pragma once

#include "base/isa.h"
#include "kernels/kernels.h"

namespace hinoko::kernels::HINOKO_ISA {

extern const LoopRow unary[kUnaryCount], unary_gradient[kUnaryCount];
extern const LoopRow binary[kBinaryCount], gradient_a[kBinaryCount], gradient_b[kBinaryCount];
extern const LoopRow cast[kNumDTypes];
extern const LoopRow add_scaled, pow_scalar, pow_scalar_gradient, where, bitwise_not;
extern const ReduceRow sum, max, min, max_index, min_index;
extern const TransposeRow transpose;
extern const GemmTable gemm;
extern const SgdTable sgd;

}  // namespace hinoko::kernels::HINOKO_ISA
