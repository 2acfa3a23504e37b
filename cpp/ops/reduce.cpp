// Planning reductions: which dimensions a kernel sees, in which order, and what the threads share out.
#include <algorithm>

#include "base/parallel.h"
#include "ops/ops.h"
#include "ops/reduction.h"

namespace hinoko {

DimMask dim_mask(const Tensor& t, DimSpan dims) {
  if (dims.empty()) return kAllDims;
  DimMask mask = 0;
  for (const int64_t dim : dims) {
    const int64_t d = wrap_dim(dim, t.ndim());
    if (mask >> d & 1) fail("dim ", d, " appears multiple times in the list of dims");
    mask |= DimMask{1} << d;
  }
  return mask;
}

Dims reduced_sizes(const Tensor& t, DimMask mask, bool keepdim) {
  Dims out;
  for (int i = 0; i < t.ndim(); ++i) {
    if (!(mask >> i & 1)) {
      out.push_back(t.size(i));
    } else if (keepdim) {
      out.push_back(1);
    }
  }
  return out;
}

namespace {

struct ReduceDim {
  int64_t size, in, out;  // strides in bytes; `out` is 0 where the dimension is reduced
};

// The dimensions of more than one element, innermost first: reduced ones, then the others in the order of the
// output; neighbours merged. The order decides the rounding of a sum, see Note [Order of a sum].
SmallVector<ReduceDim, 8> plan_reduction(const Tensor& t, DimMask mask, size_t out_width) {
  SmallVector<ReduceDim, 8> dims;
  const int64_t in_width = static_cast<int64_t>(item_size(t.dtype()));
  int64_t out_step = static_cast<int64_t>(out_width);
  for (int i = t.ndim() - 1; i >= 0; --i) {
    const bool reduced = mask >> i & 1;
    if (t.size(i) == 1) continue;
    dims.push_back({t.size(i), t.stride(i) * in_width, reduced ? 0 : out_step});
    if (!reduced) out_step *= t.size(i);
  }
  const auto compare = [](const ReduceDim& inner, const ReduceDim& outer) {
    if ((inner.out == 0) != (outer.out == 0)) return outer.out == 0 ? 1 : -1;
    if (inner.out != outer.out) return inner.out < outer.out ? -1 : 1;
    if (inner.in == 0 || outer.in == 0) return 0;
    if (inner.in != outer.in) return inner.in < outer.in ? -1 : 1;
    return inner.size > outer.size ? 1 : 0;
  };
  for (int64_t i = 1; i < dims.size(); ++i) {
    int64_t at = i;
    for (int64_t j = i - 1; j >= 0; --j) {
      const int order = compare(dims[j], dims[at]);
      if (order > 0) {
        std::swap(dims[j], dims[at]);
        at = j;
      } else if (order < 0) {
        break;
      }
    }
  }
  SmallVector<ReduceDim, 8> merged;
  for (const ReduceDim& d : dims) {
    if (!merged.empty() && merged.back().in * merged.back().size == d.in &&
        merged.back().out * merged.back().size == d.out) {
      merged.back().size *= d.size;
    } else {
      merged.push_back(d);
    }
  }
  return merged;
}

// Walks over the dimensions beyond a block, the first of them fastest.
void run_blocks(kernels::ReduceLoop loop, kernels::ReduceBlock block, const ReduceDim* outer, int64_t count,
                int64_t out_width) noexcept {
  int64_t counter[64] = {};
  const auto move = [&](const ReduceDim& dim, int64_t steps) {
    block.in += dim.in * steps;
    block.out += dim.out * steps;
    if (block.indices) block.indices += dim.out / out_width * steps;
  };
  for (;;) {
    loop(block);
    int64_t d = 0;
    for (; d < count; ++d) {
      move(outer[d], 1);
      if (++counter[d] < outer[d].size) break;
      move(outer[d], -outer[d].size);
      counter[d] = 0;
    }
    if (d == count) return;
  }
}

}  // namespace

void reduce_into(kernels::ReduceLoop loop, const Tensor& out, const Tensor& t, DimMask mask,
                 int64_t* indices) {
  const int64_t width = static_cast<int64_t>(item_size(t.dtype())),
                out_width = static_cast<int64_t>(item_size(out.dtype()));
  kernels::ReduceBlock block{
      static_cast<char*>(out.raw()), static_cast<char*>(t.raw()), 1, 0, 1, 0, 0, indices};
  if (t.numel() == 0) return;
  if (mask == kAllDims && t.is_contiguous()) {
    block.rows = t.numel();
    block.row_stride = width;
    return loop(block);
  }
  auto dims = plan_reduction(t, mask, item_size(out.dtype()));
  if (dims.empty() || dims[0].out != 0) dims.insert(0, {1, 0, 0});
  // Where no order of additions is at stake, the columns are chosen for the way they lie in memory.
  const bool rows_alone = dims[0].in == width && dims[0].size * width >= 32;  // each row is summed by itself
  const auto first_kept =
      std::find_if(dims.begin() + 1, dims.end(), [](const ReduceDim& d) { return d.out != 0; });
  auto columns = dims.begin() + 1;
  if (rows_alone) {
    columns = first_kept;
  } else if (indices) {
    columns = std::find_if(first_kept, dims.end(), [&](const ReduceDim& d) { return d.in == width; });
  }
  if (columns < dims.end()) std::rotate(dims.begin() + 1, columns, columns + 1);
  block.rows = dims[0].size;
  block.row_stride = dims[0].in;
  if (dims.size() > 1) {
    block.columns = dims[1].size;
    block.column_stride = dims[1].in;
    block.out_stride = dims[1].out;
  } else {
    block.out_stride = indices ? out_width : 0;
  }
  const int64_t outer = dims.size() - 2;
  if (outer <= 0) return loop(block);
  // Threads share what has outputs of its own: the outermost dimension, or else the columns.
  const int64_t shared = dims.back().out != 0 ? dims.size() - 1 : rows_alone && dims[1].out != 0 ? 1 : 0;
  if (!shared) return run_blocks(loop, block, dims.data() + 2, outer, out_width);
  const ReduceDim dim = dims[shared];
  const int64_t grain = std::max<int64_t>(kGrainBytes / (t.numel() / dim.size * width), 1);
  parallel_for(dim.size, grain, [&](int64_t begin, int64_t end) {
    kernels::ReduceBlock part = block;
    ReduceDim rest[64];
    std::copy(dims.begin() + 2, dims.end(), rest);
    part.in += dim.in * begin;
    part.out += dim.out * begin;
    if (part.indices) part.indices += dim.out / out_width * begin;
    (shared == 1 ? part.columns : rest[outer - 1].size) = end - begin;
    run_blocks(loop, part, rest, outer, out_width);
  });
}

}  // namespace hinoko
