// Sums, means and extremes, of everything or along dimensions, and their derivatives. A reduction is brought
// to blocks of two dimensions (for_each_block) for the kernels.
#include "kernels/kernels.h"

#include <cstring>

#include "autograd/engine.h"
#include "autograd/saved.h"
#include "ops/ops.h"

namespace hinoko {

namespace {

using DimMask = uint64_t;
constexpr DimMask kAllDims = ~DimMask{0};

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

// Runs the kernel over all of `t`; `out` is contiguous and has the sizes that are not reduced.
void for_each_block(kernels::ReduceLoop loop, const Tensor& out, const Tensor& t, DimMask mask) {
  const int64_t width = static_cast<int64_t>(item_size(t.dtype()));
  kernels::ReduceBlock block{static_cast<char*>(out.raw()), static_cast<char*>(t.raw()), 1, 0, 1, 0, 0};
  if (t.numel() == 0) return;
  if (mask == kAllDims && t.is_contiguous()) {
    block.rows = t.numel();
    block.row_stride = width;
    return loop(block);
  }
  auto dims = plan_reduction(t, mask, item_size(out.dtype()));
  if (dims.empty() || dims[0].out != 0) dims.insert(0, {1, 0, 0});
  block.rows = dims[0].size;
  block.row_stride = dims[0].in;
  if (dims.size() > 1) {
    block.columns = dims[1].size;
    block.column_stride = dims[1].in;
    block.out_stride = dims[1].out;
  }
  Dims counter(dims.size());
  for (;;) {
    loop(block);
    int64_t d = 2;
    for (; d < dims.size(); ++d) {
      block.in += dims[d].in;
      block.out += dims[d].out;
      if (++counter[d] < dims[d].size) break;
      block.in -= dims[d].in * dims[d].size;
      block.out -= dims[d].out * dims[d].size;
      counter[d] = 0;
    }
    if (d >= dims.size()) return;
  }
}

Tensor sum_raw(const Tensor& t, DimMask mask, bool keepdim, DType dtype) {
  if (is_floating(dtype)) {
    const Tensor in = cast_raw(t, dtype);
    Tensor out = empty(reduced_sizes(in, mask, keepdim), dtype);
    std::memset(out.raw(), 0, static_cast<size_t>(out.numel()) * item_size(dtype));
    for_each_block(kernels::reduce.sum[static_cast<size_t>(dtype)], out, in, mask);
    return out;
  }
  const Tensor in = dtype == DType::Bool || is_floating(t.dtype()) ? cast_raw(t, dtype) : t;
  Tensor out = empty(reduced_sizes(in, mask, keepdim), DType::Int64);
  std::memset(out.raw(), 0, static_cast<size_t>(out.numel()) * sizeof(int64_t));
  for_each_block(kernels::reduce.sum[static_cast<size_t>(in.dtype())], out, in, mask);
  return cast_raw(out, dtype);
}

// A float tensor of one element in 0 or 1 dimensions, all reduced: nothing to plan.
bool is_one_number(const Tensor& t, std::optional<DType> dtype) {
  return is_scalar_like(t) && is_floating(t.dtype()) && (!dtype || *dtype == t.dtype());
}
Tensor one_number(const Tensor& t) {
  Tensor out = Tensor::steal(empty_scalar(t.dtype(), 0));
  if (t.dtype() == DType::Float32) {
    *out.data<float>() = *t.data<float>() + 0.0F;  // the sum of -0 is 0
  } else {
    *out.data<double>() = *t.data<double>() + 0.0;
  }
  return out;
}

// ---- gradients ----

// What a reduction needs to know of its input to spread a gradient over it.
struct Spread {
  Dims sizes;
  DimMask mask;
  DType dtype;
  bool keepdim;
  Spread(const Tensor& t, DimMask m, bool k) : sizes(t.sizes()), mask(m), dtype(t.dtype()), keepdim(k) {}

  bool squeezed() const { return mask != kAllDims && !keepdim && !sizes.empty(); }
  // The gradient of a sum: g at every element.
  Tensor expanded(const Tensor& g) const {
    if (grad_enabled()) {
      Tensor out = g;
      if (squeezed())
        for (int64_t d = 0; d < sizes.size(); ++d)
          if (mask >> d & 1) out = unsqueeze(out, d);
      return expand(out, sizes);
    }
    // The strides that unsqueeze and expand would give.
    Dims strides(sizes.size());
    int from = 0;
    for (int64_t d = 0; d < sizes.size() && (squeezed() || g.ndim() > 0); ++d) {
      const bool here = !squeezed() || !(mask >> d & 1);  // the dimension is one of g, too
      if (here) {
        strides[d] = g.size(from) == sizes[d] ? g.stride(from) : 0;
        ++from;
      } else if (sizes[d] == 1) {
        strides[d] = from < g.ndim() ? g.size(from) * g.stride(from) : 1;
      }
    }
    return alias(g, sizes, strides, g.raw());
  }
};

struct SumNode final : NodeOf<1> {
  SumNode(const Tensor& t, DimMask mask, bool keepdim, const char* n) : spread(t, mask, keepdim), title(n) {}
  const char* name() const override { return title; }
  void backward(Tensor g, Sweep& sweep) override {
    if (!sweep.needs(*this, 0)) return;
    // Of a 0-d tensor the gradient is g itself.
    Tensor out = spread.sizes.empty() && !grad_enabled() && g.ndim() == 0 ? std::move(g) : spread.expanded(g);
    if (out.dtype() != spread.dtype) out = to_dtype(out, spread.dtype);
    sweep.send(*this, 0, std::move(out));
  }
  Spread spread;
  const char* title;
};

Tensor divide_by_count(const Tensor& g, int64_t count);

struct DivideByCountNode final : NodeOf<1> {
  explicit DivideByCountNode(int64_t n) : count(n) {}
  const char* name() const override { return "DivBackward1"; }
  void backward(Tensor g, Sweep& sweep) override { sweep.send(*this, 0, divide_by_count(g, count)); }
  int64_t count;
};

void divide_into(const Tensor& out, const Tensor& g, int64_t count) {
  const Number n(Scalar(static_cast<double>(count)), g.dtype());
  run_loop(kernels::pick(kernels::binary[static_cast<int>(BinaryId::div)], g.dtype()), out, {g, n});
}

Tensor divide_by_count(const Tensor& g, int64_t count) {
  Tensor out = empty_like_operands(g.sizes(), g.dtype(), {g});
  divide_into(out, g, count);
  if (needs_grad(g)) record(out, new DivideByCountNode(count), g);
  return out;
}

struct MeanNode final : NodeOf<1> {
  MeanNode(const Tensor& t, DimMask mask, bool keepdim, int64_t n, const char* name_)
      : spread(t, mask, keepdim), count(n), title(name_) {}
  const char* name() const override { return title; }
  void backward(Tensor g, Sweep& sweep) override {
    if (!sweep.needs(*this, 0)) return;
    Tensor out;
    if (!grad_enabled() && g.numel() == 1) {
      const Tensor one = Tensor::steal(empty_scalar(g.dtype(), 0));
      divide_into(one, g, count);
      out = spread.sizes.empty() ? one : empty(spread.sizes, g.dtype());
      if (!spread.sizes.empty()) copy_raw(out, one);
    } else {
      out = divide_by_count(spread.expanded(g), count);
    }
    if (out.dtype() != spread.dtype) out = to_dtype(out, spread.dtype);
    sweep.send(*this, 0, std::move(out));
  }
  Spread spread;
  int64_t count;
  const char* title;
};

// ---- sum and mean ----

DType sum_dtype(const Tensor& t, std::optional<DType> dtype) {
  return dtype ? *dtype : is_floating(t.dtype()) ? t.dtype() : DType::Int64;
}

Tensor sum_over(const Tensor& t, DimMask mask, bool keepdim, std::optional<DType> dtype, const char* name) {
  const DType result = sum_dtype(t, dtype);
  if (!is_floating(result) && needs_grad(t)) fail("Autograd not support dtype: ", dtype_scalar_name(result));
  Tensor out = sum_raw(t, mask, keepdim, result);
  if (needs_grad(t)) record(out, new SumNode(t, mask, keepdim, name), t);
  return out;
}

Tensor mean_over(const Tensor& t, DimMask mask, bool keepdim, std::optional<DType> dtype, const char* name) {
  const DType compute = dtype ? *dtype : t.dtype();
  if (!is_floating(compute))
    fail("mean(): could not infer output dtype. ", dtype ? "Optional" : "Input",
         " dtype must be either a floating point or complex dtype. Got: ", dtype_scalar_name(compute));
  int64_t count = 1;
  for (int i = 0; i < t.ndim(); ++i)
    if (mask >> i & 1) count *= t.size(i);
  Tensor out = sum_raw(t, mask, keepdim, compute);
  divide_into(out, out, count);
  if (needs_grad(t)) record(out, new MeanNode(t, mask, keepdim, count, name), t);
  return out;
}

}  // namespace

Tensor sum(const Tensor& t, std::optional<DType> dtype) {
  if (!is_one_number(t, dtype)) return sum_over(t, kAllDims, false, dtype, "SumBackward0");
  Tensor out = one_number(t);
  if (needs_grad(t)) record(out, new SumNode(t, kAllDims, false, "SumBackward0"), t);
  return out;
}

Tensor sum(const Tensor& t, DimSpan dims, bool keepdim, std::optional<DType> dtype) {
  return sum_over(t, dim_mask(t, dims), keepdim, dtype, "SumBackward1");
}

Tensor mean(const Tensor& t, std::optional<DType> dtype) {
  if (!is_one_number(t, dtype)) return mean_over(t, kAllDims, false, dtype, "MeanBackward0");
  Tensor out = one_number(t);
  if (needs_grad(t)) record(out, new MeanNode(t, kAllDims, false, 1, "MeanBackward0"), t);
  return out;
}

Tensor mean(const Tensor& t, DimSpan dims, bool keepdim, std::optional<DType> dtype) {
  return mean_over(t, dim_mask(t, dims), keepdim, dtype, "MeanBackward1");
}

Tensor sum_to_size(const Tensor& t, DimSpan sizes) {
  if (same(t.sizes(), sizes)) return t;
  const int lead = t.ndim() - static_cast<int>(sizes.size());
  bool fits = lead >= 0;
  Dims dims;
  for (int i = 0; fits && i < t.ndim(); ++i) {
    const int64_t wanted = i < lead ? 1 : sizes[static_cast<size_t>(i - lead)];
    if (i < lead || (wanted == 1 && t.size(i) != 1)) {
      dims.push_back(i);
    } else {
      fits = wanted == t.size(i);
    }
  }
  if (!fits) fail("size {", sizes, "} is not expandable to size {", t.sizes(), "}.");
  if (sizes.empty()) return sum(t);
  Tensor out = sum(t, dims, true);
  return lead > 0 ? view(out, sizes) : out;
}

// ---- extremes of everything ----

namespace {

struct MaskedFillTensorNode final : NodeOf<2> {  // edge 0 is that of the filled zeros
  const char* name() const override { return "MaskedFillBackward1"; }
  void release_saved() noexcept override { mask.reset(); }
  void backward(Tensor g, Sweep& sweep) override {
    if (!sweep.needs(*this, 1)) return;
    const Tensor zero = zeros({}, g.dtype());
    sweep.send(*this, 1, sum(where(mask.unpack(*this), g, zero)));
  }
  SavedTensor mask;
};

// `value` (0-d) where `mask` holds, 0 elsewhere.
Tensor fill_where(const Tensor& mask, const Tensor& value) {
  Tensor out = empty(mask.sizes(), value.dtype());
  run_loop(kernels::pick(kernels::where, value.dtype()), out,
           {mask, value, Number(Scalar(0), value.dtype())});
  if (needs_grad(value)) {
    auto* node = new MaskedFillTensorNode;
    node->mask.save_input(mask);
    record(out, node, Tensor(), value);
  }
  return out;
}

// Elements that tie for the extreme share the gradient.
struct ExtremeNode final : NodeOf<1> {
  explicit ExtremeNode(const char* n) : title(n) {}
  const char* name() const override { return title; }
  void release_saved() noexcept override {
    input.reset();
    result.reset();
  }
  void backward(Tensor g, Sweep& sweep) override {
    if (!sweep.needs(*this, 0)) return;
    const Tensor x = input.unpack(*this), y = result.unpack(*this);
    if (x.ndim() == 0 && !grad_enabled()) return sweep.send(*this, 0, std::move(g));
    const double value = y.item().to_double();
    const Tensor mask = value != value ? ne(x, x) : eq(x, y);
    sweep.send(*this, 0, fill_where(mask, div(g, sum(mask))));
  }
  SavedTensor input, result;
  const char* title;
};

Tensor extreme(const Tensor& t, const kernels::ReduceRow& loops, const char* operation,
               const char* node_name) {
  if (t.numel() == 0)
    fail(operation,
         "(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with "
         "the 'dim' argument.");
  Tensor out = Tensor::steal(empty_scalar(t.dtype(), 0));
  std::memcpy(out.raw(), t.raw(), item_size(t.dtype()));
  if (t.numel() > 1) for_each_block(loops[static_cast<size_t>(t.dtype())], out, t, kAllDims);
  if (needs_grad(t)) {
    auto* node = new ExtremeNode(node_name);
    node->input.save_input(t);
    record(out, node, t);
    node->result.save_output(out);
  }
  return out;
}

}  // namespace

Tensor max(const Tensor& t) { return extreme(t, kernels::reduce.max, "max", "MaxBackward1"); }
Tensor min(const Tensor& t) { return extreme(t, kernels::reduce.min, "min", "MinBackward1"); }

// ---- extremes along a dimension ----

namespace {

// A contiguous tensor seen as [outer, size, inner] around a dimension.
struct Around {
  int64_t outer = 1, size = 1, inner = 1;
  Around(DimSpan sizes, int64_t dim) {
    for (int64_t i = 0; i < static_cast<int64_t>(sizes.size()); ++i)
      (i < dim ? outer : i == dim ? size : inner) *= sizes[static_cast<size_t>(i)];
  }
};

Tensor contiguous_raw(const Tensor& t) {
  if (t.is_contiguous()) return t;
  Tensor out = empty(t.sizes(), t.dtype());
  copy_raw(out, t);
  return out;
}

// Saved indices can be changed behind the graph's back, through `.data` or numpy.
void check_places(const Tensor& at, int64_t size) {
  const int64_t* places = at.data<int64_t>();
  for (int64_t i = 0; i < at.numel(); ++i)
    if (places[i] < 0 || places[i] >= size)
      fail(ErrorKind::Index, "index ", places[i], " is out of bounds for dimension with size ", size);
}

Tensor gather_at(const Tensor& t, int64_t dim, const Tensor& index);

// `g` put at the places that `index` names along `dim` of zeros of `sizes`. `g` and `index` have size 1
// there.
Tensor scatter_at(const Tensor& g, int64_t dim, const Tensor& index, DimSpan sizes, const char* name);

struct ScatterNode final : NodeOf<2> {  // edge 0 is that of the zeros
  ScatterNode(int64_t d, const char* n) : dim(d), title(n) {}
  const char* name() const override { return title; }
  void release_saved() noexcept override { index.reset(); }
  void backward(Tensor g, Sweep& sweep) override {
    sweep.send(*this, 1, gather_at(g, dim, index.unpack(*this)));
  }
  SavedTensor index;
  int64_t dim;
  const char* title;
};

struct GatherNode final : NodeOf<1> {
  GatherNode(int64_t d, DimSpan s) : dim(d), sizes(s) {}
  const char* name() const override { return "GatherBackward0"; }
  void release_saved() noexcept override { index.reset(); }
  void backward(Tensor g, Sweep& sweep) override {
    sweep.send(*this, 0, scatter_at(g, dim, index.unpack(*this), sizes, "ScatterAddBackward0"));
  }
  SavedTensor index;
  int64_t dim;
  Dims sizes;
};

Tensor gather_at(const Tensor& t, int64_t dim, const Tensor& index) {
  Tensor out = empty(index.sizes(), t.dtype());
  const Tensor from = contiguous_raw(t), at = contiguous_raw(index);
  const Around around(t.sizes(), dim);
  check_places(at, around.size);
  kernels::gather(item_size(t.dtype()), out.data<char>(), from.data<char>(), at.data<int64_t>(), around.outer,
                  around.size, around.inner);
  if (needs_grad(t)) {
    auto* node = new GatherNode(dim, t.sizes());
    node->index.save_input(index);
    record(out, node, t);
  }
  return out;
}

Tensor scatter_at(const Tensor& g, int64_t dim, const Tensor& index, DimSpan sizes, const char* name) {
  Tensor out = empty(sizes, g.dtype());
  std::memset(out.raw(), 0, static_cast<size_t>(out.numel()) * item_size(g.dtype()));
  const Tensor from = contiguous_raw(g), at = contiguous_raw(index);
  const Around around(sizes, dim);
  check_places(at, around.size);
  kernels::scatter(item_size(g.dtype()), out.data<char>(), from.data<char>(), at.data<int64_t>(),
                   around.outer, around.size, around.inner);
  if (needs_grad(g)) {
    auto* node = new ScatterNode(dim, name);
    node->index.save_input(index);
    record(out, node, Tensor(), g);
  }
  return out;
}

struct ExtremeAlongNode final : NodeOf<1> {
  ExtremeAlongNode(const Tensor& t, int64_t d, bool k, const char* n)
      : sizes(t.sizes()), dim(d), keepdim(k), title(n) {}
  const char* name() const override { return title; }
  void release_saved() noexcept override { indices.reset(); }
  void backward(Tensor g, Sweep& sweep) override {
    if (!g || !sweep.needs(*this, 0)) return;
    Tensor at = indices.unpack(*this);
    if (!keepdim && !sizes.empty()) {
      g = unsqueeze(g, dim);
      at = unsqueeze(at, dim);
    }
    sweep.send(*this, 0, scatter_at(g, dim, at, sizes, "ScatterBackward0"));
  }
  SavedTensor indices;
  Dims sizes;
  int64_t dim;
  bool keepdim;
  const char* title;
};

ValuesAndIndices extreme_along(const Tensor& t, int64_t dim, bool keepdim, const kernels::ReduceRow& loops,
                               const char* operation, const char* node_name) {
  const int64_t d = wrap_dim(dim, t.ndim());
  if (t.ndim() > 0 && t.size(static_cast<int>(d)) == 0)
    fail(ErrorKind::Index, operation, "(): Expected reduction dim ", d, " to have non-zero size.");
  const Dims sizes = reduced_sizes(t, DimMask{1} << d, keepdim);
  ValuesAndIndices out{empty(sizes, t.dtype()), empty(sizes, DType::Int64)};
  const Tensor in = contiguous_raw(t);
  const Around around(t.sizes(), d);
  const int64_t width = static_cast<int64_t>(item_size(t.dtype()));
  kernels::ReduceBlock block{out.values.data<char>(),
                             in.data<char>(),
                             around.size,
                             around.inner * width,
                             around.inner,
                             width,
                             width,
                             out.indices.data<int64_t>()};
  const kernels::ReduceLoop loop = loops[static_cast<size_t>(t.dtype())];
  if (around.inner == 1) {  // one column of adjacent rows for each outer position
    block.columns = around.outer;
    block.column_stride = around.size * width;
    loop(block);
  } else if (t.numel()) {
    for (int64_t o = 0; o < around.outer; ++o) {
      loop(block);
      block.in += around.size * around.inner * width;
      block.out += around.inner * width;
      block.indices += around.inner;
    }
  }
  if (needs_grad(t)) {
    auto* node = new ExtremeAlongNode(t, d, keepdim, node_name);
    node->indices.save_input(out.indices);
    record(out.values, node, t);
  }
  return out;
}

}  // namespace

ValuesAndIndices max(const Tensor& t, int64_t dim, bool keepdim) {
  return extreme_along(t, dim, keepdim, kernels::reduce.max_index, "max", "MaxBackward0");
}
ValuesAndIndices min(const Tensor& t, int64_t dim, bool keepdim) {
  return extreme_along(t, dim, keepdim, kernels::reduce.min_index, "min", "MinBackward0");
}

}  // namespace hinoko
