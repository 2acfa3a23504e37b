// The rows of the tables as types and ids. Kernels use a row's value and gradient on numbers, ops/ use its
// gradient on tensors (there it records itself), bindings use its names.
#pragma once

#include <cstdint>

#include "kernels/math.h"
#include "table/ids.h"

namespace hinoko {

inline namespace HINOKO_ISA {
namespace rows {

using namespace math;  // formulas on numbers; those on tensors are found by argument-dependent lookup

inline constexpr uint8_t A = 1, B = 2;

#define HINOKO_UNARY(name_, result_, node_, value_, gradient_, keeps_, lo_, hi_, doc_) \
  struct name_##_row {                                                                 \
    static constexpr UnaryId id = UnaryId::name_;                                      \
    static constexpr const char* name = #name_;                                        \
    static constexpr const char* node = node_;                                         \
    static constexpr Result result = Result::result_;                                  \
    static constexpr Keep keeps = Keep##keeps_;                                        \
    static constexpr double lo = lo_, hi = hi_;                                        \
    static constexpr const char* doc = doc_;                                           \
    template <class V>                                                                 \
    static auto value(V x) {                                                           \
      return value_;                                                                   \
    }                                                                                  \
    template <class V, class X, class Y>                                               \
    static V gradient([[maybe_unused]] const V& g, [[maybe_unused]] const X& x,        \
                      [[maybe_unused]] const Y& y) {                                   \
      return gradient_;                                                                \
    }                                                                                  \
  };
#include "table/unary.def"
#undef HINOKO_UNARY

#define HINOKO_BINARY(name_, form_, result_, node_, value_, gradient_a_, gradient_b_, keeps_a_, keeps_b_, \
                      doc_)                                                                               \
  struct name_##_row {                                                                                    \
    static constexpr BinaryId id = BinaryId::name_;                                                       \
    static constexpr const char* name = #name_;                                                           \
    static constexpr const char* node = node_;                                                            \
    static constexpr Form form = Form::form_;                                                             \
    static constexpr Result result = Result::result_;                                                     \
    static constexpr uint8_t keeps_a = keeps_a_, keeps_b = keeps_b_;                                      \
    static constexpr const char* doc = doc_;                                                              \
    template <class V>                                                                                    \
    static auto value(V a, V b) {                                                                         \
      return value_;                                                                                      \
    }                                                                                                     \
    template <class V, class BV>                                                                          \
    static V gradient_a([[maybe_unused]] const V& g, [[maybe_unused]] const V& a,                         \
                        [[maybe_unused]] const BV& b) {                                                   \
      return gradient_a_;                                                                                 \
    }                                                                                                     \
    template <class V, class AV>                                                                          \
    static V gradient_b([[maybe_unused]] const V& g, [[maybe_unused]] const AV& a,                        \
                        [[maybe_unused]] const V& b) {                                                    \
      return gradient_b_;                                                                                 \
    }                                                                                                     \
  };
#include "table/binary.def"
#undef HINOKO_BINARY

}  // namespace rows
}  // namespace HINOKO_ISA
}  // namespace hinoko
