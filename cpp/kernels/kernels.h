// The interface of the kernels. Each is compiled for several instruction sets; `active` holds those for the
// machine at hand, chosen by select() when the module is loaded. Start reading at Table.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/gemm.h"
#include "kernels/reduce.h"
#include "kernels/sgd.h"
#include "table/ids.h"
#include "tensor/dtype.h"

namespace hinoko::kernels {

// A loop over n elements of raw operands, p[0] the output, each with its stride in bytes (0: the same element
// throughout). An output may be one of the inputs.
using Loop = void (*)(int64_t n, char* const* p, const int64_t* strides);

using LoopRow = std::array<Loop, kNumDTypes>;  // by dtype; null where an operation does not exist for one

inline Loop pick(const LoopRow& row, DType d) { return row[static_cast<size_t>(d)]; }

// out[i][j] = in[j][i]: `rows` rows of `columns` adjacent elements, from `columns` rows of `rows`. Strides
// between rows are in bytes. By the logarithm of the element's size.
using TransposeLoop = void (*)(char* out, const char* in, int64_t rows, int64_t columns, int64_t out_stride,
                               int64_t in_stride);
using TransposeRow = std::array<TransposeLoop, 4>;

struct Table {
  // Arrays of rows, by id.
  const LoopRow* unary;           // y, x
  const LoopRow* unary_gradient;  // gx, g, x, y
  const LoopRow* binary;          // c, a, b
  const LoopRow* gradient_a;      // ga, g, a, b
  const LoopRow* gradient_b;      // gb, g, a, b
  const LoopRow* cast;            // [from][to]: y, x
  LoopRow add_scaled;             // c, a, b, alpha: a + alpha * b
  LoopRow pow_scalar;             // y, x, exponent (stride 0)
  LoopRow pow_scalar_gradient;    // gx, g, x, exponent (stride 0)
  LoopRow where;                  // c, condition (bool), a, b
  LoopRow bitwise_not;            // y, x
  ReduceTable reduce;
  TransposeRow transpose;
  GemmTable gemm;
  SgdTable sgd;
};
extern Table active;

inline constexpr const LoopRow* const& unary = active.unary;
inline constexpr const LoopRow* const& unary_gradient = active.unary_gradient;
inline constexpr const LoopRow* const& binary = active.binary;
inline constexpr const LoopRow* const& gradient_a = active.gradient_a;
inline constexpr const LoopRow* const& gradient_b = active.gradient_b;
inline constexpr const LoopRow* const& cast = active.cast;
inline constexpr const LoopRow& add_scaled = active.add_scaled;
inline constexpr const LoopRow& pow_scalar = active.pow_scalar;
inline constexpr const LoopRow& pow_scalar_gradient = active.pow_scalar_gradient;
inline constexpr const LoopRow& where = active.where;
inline constexpr const LoopRow& bitwise_not = active.bitwise_not;
inline constexpr const ReduceTable& reduce = active.reduce;
inline constexpr const TransposeRow& transpose = active.transpose;
inline constexpr const GemmTable& gemm = active.gemm;
inline constexpr const SgdTable& sgd = active.sgd;

// torch's names: DEFAULT, AVX2, AVX512.
enum class Capability : uint8_t { Default, Avx2, Avx512 };
const char* capability_name(Capability c);
Capability best_capability();  // of this machine and this build
Capability active_capability();
// Takes the best kernels, or those that the environment variable HINOKO_CPU_CAPABILITY (default, avx2,
// avx512) asks for if the machine has them.
void select();

}  // namespace hinoko::kernels
