// The text of a tensor, byte for byte torch's: element formats, line breaking, summaries and the
// suffixes after the body. Works on a raw buffer, so that it needs neither Tensor nor Python.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tensor/dtype.h"

namespace hinoko {

struct PrintOptions {
  int precision = 4;
  double threshold = 1000;  // more elements than this are summarised; may be infinite
  int64_t edgeitems = 3;
  int64_t linewidth = 80;
  int sci_mode = -1;  // -1 by the values, 0 never, 1 always
};

struct PrintSource {
  DType dtype;
  const void* data;
  std::span<const int64_t> sizes;
  std::span<const int64_t> strides;  // in elements
};

struct PrintSuffix {
  std::string_view grad_fn;  // the node's name; empty when there is none
  bool requires_grad;
  DType default_dtype;
};

// The whole text: prefix, body, suffixes and the closing parenthesis.
std::string tensor_to_string(const PrintSource& source, const PrintOptions& options,
                             const PrintSuffix& suffix, std::string_view prefix = "tensor(");

// The shortest digits that read back as the same double, laid out as Python's repr(float).
std::string float_repr(double value);

}  // namespace hinoko
