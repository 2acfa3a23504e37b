// The ids of the tables' rows and the words that rows are described with.
#pragma once

#include <cstdint>

namespace hinoko {

enum class Result : uint8_t { Same, Float, Compare, Bits };
enum class Form : uint8_t { Plain, Tensors, Own, Pow, Internal };
enum Keep : uint8_t { KeepNone = 0, KeepIn = 1, KeepOut = 2 };

enum class UnaryId : uint8_t {
#define HINOKO_UNARY(name, ...) name,
#include "table/unary.def"
#undef HINOKO_UNARY
  count
};
enum class BinaryId : uint8_t {
#define HINOKO_BINARY(name, ...) name,
#include "table/binary.def"
#undef HINOKO_BINARY
  count
};
inline constexpr int kUnaryCount = static_cast<int>(UnaryId::count);
inline constexpr int kBinaryCount = static_cast<int>(BinaryId::count);

}  // namespace hinoko
