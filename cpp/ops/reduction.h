// How a reduction over some dimensions of a tensor is brought to blocks of two dimensions for the kernels.
#pragma once

#include "kernels/kernels.h"
#include "tensor/tensor.h"

namespace hinoko {

using DimMask = uint64_t;
inline constexpr DimMask kAllDims = ~DimMask{0};

DimMask dim_mask(const Tensor& t, DimSpan dims);  // no dimensions: all
Dims reduced_sizes(const Tensor& t, DimMask mask, bool keepdim);

// Runs the kernel over all of `t`; `out` is contiguous and has the sizes that are not reduced, and so has
// `indices` if there is one.
void reduce_into(kernels::ReduceLoop loop, const Tensor& out, const Tensor& t, DimMask mask,
                 int64_t* indices = nullptr);

}  // namespace hinoko
