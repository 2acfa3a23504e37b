// The kernels of one instruction set as a table.
#include "kernels/compiled.h"

namespace hinoko::kernels::HINOKO_ISA {

extern const Table& table();

const Table& table() {
  static const Table all{unary,
                         unary_gradient,
                         binary,
                         gradient_a,
                         gradient_b,
                         cast,
                         add_scaled,
                         pow_scalar,
                         pow_scalar_gradient,
                         where,
                         bitwise_not,
                         {.sum = sum, .max = max, .min = min, .max_index = max_index, .min_index = min_index},
                         transpose,
                         gemm,
                         sgd};
  return all;
}

}  // namespace hinoko::kernels::HINOKO_ISA
