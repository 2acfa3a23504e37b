// The largest and smallest element, of everything or along a dimension with its place, and their derivatives.
#include <cstring>

#include "autograd/engine.h"
#include "autograd/saved.h"
#include "base/parallel.h"
#include "kernels/kernels.h"
#include "ops/ops.h"
#include "ops/reduction.h"

namespace hinoko {

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
    node->mask.save_constant(mask);
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
  if (t.numel() > 1) reduce_into(loops[static_cast<size_t>(t.dtype())], out, t, kAllDims);
  if (needs_grad(t)) {
    auto* node = new ExtremeNode(node_name);
    node->input.save_input(t, 0);
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
    node->index.save_constant(index);
    record(out, node, t);
  }
  return out;
}

Tensor scatter_at(const Tensor& g, int64_t dim, const Tensor& index, DimSpan sizes, const char* name) {
  Tensor out = empty(sizes, g.dtype());
  const Tensor from = contiguous_raw(g), at = contiguous_raw(index);
  const Around around(sizes, dim);
  check_places(at, around.size);
  const int64_t width = static_cast<int64_t>(item_size(g.dtype())), one = around.inner * width,
                whole = around.size * one;
  parallel_for(around.outer, std::max<int64_t>(1, kGrainBytes / std::max<int64_t>(whole, 1)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t o = begin; o < end; ++o) {
                   std::memset(out.data<char>() + o * whole, 0, static_cast<size_t>(whole));
                   kernels::scatter(static_cast<size_t>(width), out.data<char>() + o * whole,
                                    from.data<char>() + o * one, at.data<int64_t>() + o * around.inner, 1,
                                    around.size, around.inner);
                 }
               });
  if (needs_grad(g)) {
    auto* node = new ScatterNode(dim, name);
    node->index.save_constant(index);
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
  reduce_into(loops[static_cast<size_t>(t.dtype())], out.values, t, t.ndim() ? DimMask{1} << d : kAllDims,
              out.indices.data<int64_t>());
  if (needs_grad(t)) {
    auto* node = new ExtremeAlongNode(t, d, keepdim, node_name);
    node->indices.save_constant(out.indices);
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
