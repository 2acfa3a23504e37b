// The interface of the reduction kernels: blocks of two dimensions over raw buffers.
#pragma once

#include <array>
#include <cstdint>

#include "tensor/dtype.h"

namespace hinoko::kernels {

// `columns` outputs, each reducing `rows` elements. Strides are in bytes. A column stride of 0 in `out` means
// that the columns reduce into one element, too.
struct ReduceBlock {
  char* out;
  const char* in;
  int64_t rows, row_stride;
  int64_t columns, column_stride, out_stride;
  int64_t* indices = nullptr;  // for the extremes along a dimension: one for each column, adjacent
};
using ReduceLoop = void (*)(const ReduceBlock& block);
using ReduceRow = std::array<ReduceLoop, kNumDTypes>;  // by the dtype of `in`

struct ReduceTable {
  // out += the sum of the rows. Floating point in its own dtype, whole numbers and bool into int64.
  // Note [Order of a sum]: partial sums are kept in 32-byte lanes, four of them side by side, and carried
  // through a cascade of levels, so that the error grows with the logarithm of the count. The order is part
  // of the contract (results are the same on every machine): it is torch's.
  ReduceRow sum;
  // out = the larger (smaller) of out and all elements of a single column; nan wins.
  ReduceRow max;
  ReduceRow min;
  // out and indices = the first largest (smallest) element of each column; `out_stride` is the element's
  // size.
  ReduceRow max_index;
  ReduceRow min_index;
};

// One element for each outer and inner position of a contiguous tensor [outer, size, inner]: moves between
// the whole tensor and the tensor of the chosen elements.
void gather(size_t width, char* out, const char* in, const int64_t* index, int64_t outer, int64_t size,
            int64_t inner);
void scatter(size_t width, char* out, const char* in, const int64_t* index, int64_t outer, int64_t size,
             int64_t inner);

}  // namespace hinoko::kernels
