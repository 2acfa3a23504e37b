// What views.cpp shares with shape.cpp, index.cpp and the bindings' indexing.
#pragma once

#include "ops/ops.h"

namespace hinoko {

// Shapes kept by nodes: most have few dimensions.
using SavedDims = SmallVector<int64_t, 4>;

struct Geometry {
  SavedDims sizes, strides;
  int64_t offset;  // in elements, from the start of the storage
};

// `sizes` with -1 replaced by what the number of elements leaves for it. Throws torch's errors.
Dims infer_sizes(DimSpan sizes, int64_t numel);
// Whether `t` can be seen with `sizes` without a copy; then `strides` are those of the view.
bool view_strides(const Tensor& t, DimSpan sizes, Dims& strides);
// A view with another geometry, `offset` elements from the first of `t`. Not recorded.
Tensor make_view(const Tensor& t, DimSpan sizes, DimSpan strides, int64_t offset = 0);
// view() without the search for strides. The view's producer is called `node`.
Tensor view_as(const Tensor& t, DimSpan sizes, DimSpan strides, const char* node);
// Makes the producer of a view that of the in-place form: squeeze_, unsqueeze_, transpose_, t_.
void rename_inplace(Node& node);
// The gradient of an input of `sizes` of an operation that only changed the shape.
Tensor reshape_gradient(Tensor g, DimSpan sizes);

// t[...] and t[:, :]: the same elements as a new view.
Tensor alias_view(const Tensor& t);
// t[i] words its errors differently from select(t, dim, i): indexing calls this before select.
void check_index(const Tensor& t, int64_t dim, int64_t index);

// out[i] = the sum of g[j] over all j whose place in `from` is that of i in `to`: the derivative of
// as_strided, whose own derivative is the same operation with `from` and `to` exchanged.
Tensor restride(const Tensor& g, const Geometry& from, const Geometry& to);

}  // namespace hinoko
