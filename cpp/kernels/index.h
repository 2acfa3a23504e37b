// Loops of advanced indexing: elements move between an indexed tensor and a dense one (the result that was
// picked, or the values to put). The indexed places are given as byte offsets that were checked before.
#pragma once

#include <cstdint>

#include "base/small_vector.h"
#include "tensor/dtype.h"

namespace hinoko::kernels {

struct IndexLoop {
  struct Dimension {
    int64_t size, indexed, dense;  // strides in bytes
  };
  DimSpan indexed;                   // offsets by position: where the index tensors lead
  DimSpan dense;                     // and where that position is in the dense tensor
  std::span<const Dimension> outer;  // the dimensions without an index
  Dimension run{1, 0, 0};            // the innermost of these
};

void index_get(DType dtype, const IndexLoop& loop, const char* from, char* to);
void index_put(DType dtype, const IndexLoop& loop, char* to, const char* from);
void index_add(DType dtype, const IndexLoop& loop, char* to, const char* from);  // in the order of positions

// Appends the flat positions of the elements of contiguous `data` that are not zero.
void append_nonzero(DType dtype, const void* data, int64_t count, SmallVector<int64_t, 16>& positions);

}  // namespace hinoko::kernels
