// Views: other shapes of the same elements. Each operation computes sizes and strides, makes a view and
// records a small node; a view is one as autograd sees it also where nothing is recorded.
#include "ops/views.h"

#include "autograd/engine.h"

namespace hinoko {

int64_t wrap_dim(int64_t dim, int64_t ndim) {
  const int64_t range = std::max<int64_t>(ndim, 1);  // a 0-d tensor takes 0 and -1
  if (dim < -range || dim >= range)
    fail(ErrorKind::Index, "Dimension out of range (expected to be in range of [", -range, ", ", range - 1,
         "], but got ", dim, ")");
  return dim < 0 ? dim + range : dim;
}

Tensor make_view(const Tensor& t, DimSpan sizes, DimSpan strides, int64_t offset) {
  if (sizes.size() > 64) fail("too many dimensions: at most 64 are supported, got ", sizes.size());
  char* const first = static_cast<char*>(t.raw()) + offset * static_cast<int64_t>(item_size(t.dtype()));
  Tensor out = alias(t, sizes, strides, first);
  mark_view(out, t);
  return out;
}

// ---- view ----

Dims infer_sizes(DimSpan sizes, int64_t numel) {
  Dims out(sizes);
  int64_t inferred = -1, known = 1;
  bool overflow = false;
  for (int64_t i = 0; i < out.size(); ++i) {
    if (out[i] == -1) {
      if (inferred >= 0) fail("only one dimension can be inferred");
      inferred = i;
    } else if (out[i] < 0) {
      fail("invalid shape dimension ", out[i], " at index ", i, " of shape ", sizes);
    } else {
      overflow |= __builtin_mul_overflow(known, out[i], &known);
    }
  }
  const bool fits = !overflow && (known == numel || (inferred >= 0 && known > 0 && numel % known == 0));
  if (!fits) fail("shape '", sizes, "' is invalid for input of size ", numel);
  if (inferred >= 0) {
    if (known == 0)
      fail("cannot reshape tensor of 0 elements into shape ", sizes,
           " because the unspecified dimension size -1 can be any value and is ambiguous");
    out[inferred] = numel / known;
  }
  return out;
}

// Runs of dimensions of `t` that are evenly spaced in memory can be split and merged at will, and each must
// be filled by a run of the new dimensions.
bool view_strides(const Tensor& t, DimSpan sizes, Dims& strides) {
  if (t.is_contiguous() && t.numel()) {
    // Row-major; dimensions of one element take the stride that the rest implies.
    strides = contiguous_strides(sizes);
    if (t.ndim() == 0 || t.size(t.ndim() - 1) != 1) return true;
  }
  if (t.numel() == 0) {
    strides = same(t.sizes(), sizes) ? t.strides() : contiguous_strides(sizes);
    return true;
  }
  strides.resize(static_cast<int64_t>(sizes.size()));
  if (t.ndim() == 0) {
    std::fill(strides.begin(), strides.end(), 1);
    return true;
  }
  int64_t to = static_cast<int64_t>(sizes.size()) - 1;
  for (int from = t.ndim() - 1; from >= 0;) {
    const int64_t step = t.stride(from);
    int64_t run = t.size(from--);
    while (from >= 0 && (t.size(from) == 1 || t.stride(from) == run * step)) run *= t.size(from--);
    int64_t filled = 1;
    for (; to >= 0 && (filled < run || sizes[static_cast<size_t>(to)] == 1); --to) {
      strides[to] = filled * step;
      filled *= sizes[static_cast<size_t>(to)];
    }
    if (filled != run) return false;
  }
  return to < 0;
}

Tensor reshape_gradient(Tensor g, DimSpan sizes) {
  if (grad_enabled() || !is_ours(g)) return reshape(g, sizes);
  g->set_geometry(sizes, contiguous_strides(sizes));
  return g;
}

namespace {

struct ReshapeNode final : NodeOf<1> {
  ReshapeNode(DimSpan s, const char* n) : sizes(s), title(n) {}
  const char* name() const override { return title; }
  void backward(Tensor g, Sweep& sweep) override {
    sweep.send(*this, 0, reshape_gradient(std::move(g), sizes));
  }
  SavedDims sizes;
  const char* title;
};

struct AliasNode final : NodeOf<1> {
  const char* name() const override { return "AliasBackward0"; }
  void backward(Tensor g, Sweep& sweep) override { sweep.send(*this, 0, std::move(g)); }
};

}  // namespace

Tensor view_as(const Tensor& t, DimSpan sizes, DimSpan strides, const char* node) {
  Tensor out = make_view(t, sizes, strides);
  if (needs_grad(t)) record(out, new ReshapeNode(t.sizes(), node), t);
  return out;
}

Tensor view(const Tensor& t, DimSpan sizes) {
  const Dims full = infer_sizes(sizes, t.numel());
  Dims strides;
  if (!view_strides(t, full, strides))
    fail(
        "view size is not compatible with input tensor's size and stride (at least one dimension spans "
        "across "
        "two contiguous subspaces). Use .reshape(...) instead.");
  return view_as(t, full, strides, "ViewBackward0");
}

Tensor alias_view(const Tensor& t) {
  Tensor out = alias(t);
  mark_view(out, t);
  if (needs_grad(t)) record(out, new AliasNode, t);
  return out;
}

// ---- squeeze, unsqueeze ----

namespace {

struct SqueezeNode final : NodeOf<1> {
  SqueezeNode(uint64_t d, const char* n) : dropped(d), title(n) {}
  const char* name() const override { return title; }
  void backward(Tensor g, Sweep& sweep) override {
    if (!grad_enabled() && is_ours(g)) {
      Dims sizes(g.sizes());
      for (int i = 0; i < 64; ++i)
        if (dropped >> i & 1) sizes.insert(i, 1);
      return sweep.send(*this, 0, reshape_gradient(std::move(g), sizes));
    }
    for (int i = 0; i < 64; ++i)
      if (dropped >> i & 1) g = unsqueeze(g, i);
    sweep.send(*this, 0, std::move(g));
  }
  uint64_t dropped;  // a bit for each dimension of the input that is gone
  const char* title;
};

struct UnsqueezeNode final : NodeOf<1> {
  explicit UnsqueezeNode(int64_t d) : dim(d) {}
  const char* name() const override { return title; }
  void backward(Tensor g, Sweep& sweep) override {
    if (!grad_enabled() && is_ours(g)) {
      Dims sizes(g.sizes());
      sizes.erase(dim);
      return sweep.send(*this, 0, reshape_gradient(std::move(g), sizes));
    }
    sweep.send(*this, 0, squeeze(g, DimSpan(&dim, 1)));
  }
  int64_t dim;
  const char* title = "UnsqueezeBackward0";
};

// Drops those of the dimensions in `candidates` that have one element.
Tensor squeeze_dims(const Tensor& t, uint64_t candidates, const char* node) {
  Dims sizes, strides;
  uint64_t dropped = 0;
  for (int i = 0; i < t.ndim(); ++i) {
    if (candidates >> i & 1 && t.size(i) == 1) {
      dropped |= uint64_t{1} << i;
    } else {
      sizes.push_back(t.size(i));
      strides.push_back(t.stride(i));
    }
  }
  Tensor out = make_view(t, sizes, strides);
  if (needs_grad(t)) record(out, new SqueezeNode(dropped, node), t);
  return out;
}

}  // namespace

Tensor squeeze(const Tensor& t) { return squeeze_dims(t, ~uint64_t{0}, "SqueezeBackward0"); }

Tensor squeeze(const Tensor& t, DimSpan dims) {
  uint64_t candidates = 0;
  for (const int64_t d : dims) {
    const int64_t dim = wrap_dim(d, t.ndim());
    if (candidates >> dim & 1) fail("dim ", dim, " appears multiple times in the list of dims");
    candidates |= uint64_t{1} << dim;
  }
  return squeeze_dims(t, candidates, dims.size() == 1 ? "SqueezeBackward1" : "SqueezeBackward2");
}

Tensor unsqueeze(const Tensor& t, int64_t dim) {
  dim = wrap_dim(dim, t.ndim() + 1);
  Dims sizes(t.sizes()), strides = t.strides();
  const int at = static_cast<int>(dim);
  strides.insert(dim, at < t.ndim() ? t.size(at) * t.stride(at) : 1);
  sizes.insert(dim, 1);
  Tensor out = make_view(t, sizes, strides);
  if (needs_grad(t)) record(out, new UnsqueezeNode(dim), t);
  return out;
}

// ---- transpose, permute ----

namespace {

struct TransposeNode final : NodeOf<1> {
  TransposeNode(int64_t x, int64_t y) : a(x), b(y) {}
  const char* name() const override { return title; }
  void backward(Tensor g, Sweep& sweep) override { sweep.send(*this, 0, transpose(g, a, b)); }
  int64_t a, b;
  const char* title = "TransposeBackward0";
};

struct TNode final : NodeOf<1> {
  const char* name() const override { return title; }
  void backward(Tensor g, Sweep& sweep) override { sweep.send(*this, 0, t(g)); }
  const char* title = "TBackward0";
};

struct PermuteNode final : NodeOf<1> {
  explicit PermuteNode(const SavedDims& i) : inverse(i) {}
  const char* name() const override { return "PermuteBackward0"; }
  void backward(Tensor g, Sweep& sweep) override { sweep.send(*this, 0, permute(g, inverse)); }
  SavedDims inverse;
};

Tensor exchange(const Tensor& t, int64_t a, int64_t b) {
  Dims sizes(t.sizes()), strides = t.strides();
  if (a != b) {
    std::swap(sizes[a], sizes[b]);
    std::swap(strides[a], strides[b]);
  }
  return make_view(t, sizes, strides);
}

}  // namespace

Tensor transpose(const Tensor& t, int64_t a, int64_t b) {
  a = wrap_dim(a, t.ndim());
  b = wrap_dim(b, t.ndim());
  Tensor out = exchange(t, a, b);
  if (needs_grad(t)) record(out, new TransposeNode(a, b), t);
  return out;
}

Tensor t(const Tensor& x) {
  if (x.ndim() > 2) fail("t() expects a tensor with <= 2 dimensions, but self is ", x.ndim(), "D");
  Tensor out = exchange(x, 0, x.ndim() == 2 ? 1 : 0);
  if (needs_grad(x)) record(out, new TNode, x);
  return out;
}

void rename_inplace(Node& node) {
  if (auto* s = dynamic_cast<SqueezeNode*>(&node)) {
    const std::string_view n = s->title;
    s->title = n.ends_with('0')   ? "SqueezeBackward3"
               : n.ends_with('1') ? "SqueezeBackward4"
                                  : "SqueezeBackward5";
  } else if (auto* u = dynamic_cast<UnsqueezeNode*>(&node)) {
    u->title = "UnsqueezeBackward1";
  } else if (auto* x = dynamic_cast<TransposeNode*>(&node)) {
    x->title = "TransposeBackward1";
  } else if (auto* y = dynamic_cast<TNode*>(&node)) {
    y->title = "TBackward1";
  }
}

Tensor permute(const Tensor& t, DimSpan dims) {
  const int64_t count = static_cast<int64_t>(dims.size());
  if (count != t.ndim())
    fail(
        "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the "
        "desired "
        "ordering of dimensions i.e. input.dim() = ",
        t.ndim(), " is not equal to len(dims) = ", count);
  Dims sizes(count), strides(count);
  SavedDims inverse(count, -1);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t d = wrap_dim(dims[static_cast<size_t>(i)], count);
    if (inverse[d] >= 0) fail("permute(): duplicate dims are not allowed.");
    inverse[d] = i;
    sizes[i] = t.size(static_cast<int>(d));
    strides[i] = t.stride(static_cast<int>(d));
  }
  Tensor out = make_view(t, sizes, strides);
  if (needs_grad(t)) record(out, new PermuteNode(inverse), t);
  return out;
}

// ---- expand ----

namespace {

struct ExpandNode final : NodeOf<1> {
  explicit ExpandNode(DimSpan s) : sizes(s) {}
  const char* name() const override { return "ExpandBackward0"; }
  void backward(Tensor g, Sweep& sweep) override { sweep.send(*this, 0, sum_to_size(g, sizes)); }
  SavedDims sizes;
};

}  // namespace

Tensor expand(const Tensor& t, DimSpan sizes) {
  const int64_t count = static_cast<int64_t>(sizes.size()), lead = count - t.ndim();
  if (lead < 0)
    fail("expand(", t.dtype() == DType::Bool ? "CPUBoolType" : type_name(t), "{", t.sizes(),
         "}, size=", sizes, "): the number of sizes provided (", count,
         ") must be greater or equal to the number of dimensions in the tensor (", t.ndim(), ")");
  Dims out_sizes(count), strides(count);
  for (int64_t i = count - 1; i >= 0; --i) {
    const int from = static_cast<int>(i - lead);
    const int64_t size = from >= 0 ? t.size(from) : 1;
    int64_t target = sizes[static_cast<size_t>(i)];
    if (t.ndim() == 0) {
      if (target < 0) fail("numel: integer multiplication overflow");
      strides[i] = 0;
      out_sizes[i] = target;
      continue;
    }
    strides[i] = from >= 0 ? t.stride(from) : out_sizes[i + 1] * strides[i + 1];
    if (target == -1) {
      if (from < 0)
        fail("The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension ", i);
      target = size;
    }
    if (target != size) {
      if (size != 1)
        fail("The expanded size of the tensor (", target, ") must match the existing size (", size,
             ") at non-singleton dimension ", i, ".  Target sizes: ", sizes, ".  Tensor sizes: ", t.sizes());
      if (target < 0) fail("numel: integer multiplication overflow");
      strides[i] = 0;
    }
    out_sizes[i] = target;
  }
  (void)count_elements(out_sizes);
  Tensor out = make_view(t, out_sizes, strides);
  if (needs_grad(t)) record(out, new ExpandNode(t.sizes()), t);
  return out;
}

// ---- select, slice: the gradient is zero outside of the part ----

namespace {

struct SelectBackwardNode final : NodeOf<1> {
  SelectBackwardNode(int64_t d, int64_t i) : dim(d), at(i) {}
  const char* name() const override { return "SelectBackwardBackward0"; }
  void backward(Tensor g, Sweep& sweep) override { sweep.send(*this, 0, select(g, dim, at)); }
  int64_t dim, at;
};

struct SliceBackwardNode final : NodeOf<1> {
  SliceBackwardNode(int64_t d, int64_t b, int64_t e, int64_t s) : dim(d), start(b), end(e), step(s) {}
  const char* name() const override { return "SliceBackwardBackward0"; }
  void backward(Tensor g, Sweep& sweep) override { sweep.send(*this, 0, slice(g, dim, start, end, step)); }
  int64_t dim, start, end, step;
};

// Zeros of `sizes` with `g` in the part that begins at `start` of dimension `dim`; without that dimension
// where `drops`.
Tensor embed(const Tensor& g, DimSpan sizes, int64_t dim, int64_t start, int64_t step, bool drops) {
  Tensor out = zeros(sizes, g.dtype());
  Dims strides = contiguous_strides(sizes);
  const int64_t offset = start * strides[dim];
  if (drops) {
    strides.erase(dim);
  } else if (g.size(static_cast<int>(dim)) > 1) {
    strides[dim] *= step;
  }
  if (g.numel()) {
    char* const first = static_cast<char*>(out.raw()) + offset * static_cast<int64_t>(item_size(g.dtype()));
    copy_raw(alias(out, g.sizes(), strides, first), g);
  }
  return out;
}

struct SelectNode final : NodeOf<1> {
  SelectNode(DimSpan s, int64_t d, int64_t i) : sizes(s), dim(d), at(i) {}
  const char* name() const override { return "SelectBackward0"; }
  void backward(Tensor g, Sweep& sweep) override {
    Tensor out = embed(g, sizes, dim, at, 1, true);
    if (needs_grad(g)) record(out, new SelectBackwardNode(dim, at), g);
    sweep.send(*this, 0, std::move(out));
  }
  SavedDims sizes;
  int64_t dim, at;
};

struct SliceNode final : NodeOf<1> {
  SliceNode(DimSpan s, int64_t d, int64_t b, int64_t e, int64_t i)
      : sizes(s), dim(d), start(b), end(e), step(i) {}
  const char* name() const override { return "SliceBackward0"; }
  void backward(Tensor g, Sweep& sweep) override {
    Tensor out = embed(g, sizes, dim, start, step, false);
    if (needs_grad(g)) record(out, new SliceBackwardNode(dim, start, end, step), g);
    sweep.send(*this, 0, std::move(out));
  }
  SavedDims sizes;
  int64_t dim, start, end, step;
};

}  // namespace

void check_index(const Tensor& t, int64_t dim, int64_t index) {
  if (t.ndim() == 0)
    fail(ErrorKind::Index,
         "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
         "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number");
  const int64_t size = t.size(static_cast<int>(dim));
  if (index < -size || index >= size)
    fail(ErrorKind::Index, "index ", index, " is out of bounds for dimension ", dim, " with size ", size);
}

Tensor select(const Tensor& t, int64_t dim, int64_t index) {
  if (t.ndim() == 0) fail(ErrorKind::Index, "select() cannot be applied to a 0-dim tensor.");
  dim = wrap_dim(dim, t.ndim());
  const int d = static_cast<int>(dim);
  const int64_t size = t.size(d);
  if (index < -size || index >= size)
    fail(ErrorKind::Index, "select(): index ", index, " out of range for tensor of size ", t.sizes(),
         " at dimension ", dim);
  if (index < 0) index += size;
  Dims sizes(t.sizes()), strides = t.strides();
  const int64_t offset = index * strides[dim];
  sizes.erase(dim);
  strides.erase(dim);
  Tensor out = make_view(t, sizes, strides, offset);
  if (needs_grad(t)) record(out, new SelectNode(t.sizes(), dim, index), t);
  return out;
}

Tensor slice(const Tensor& t, int64_t dim, int64_t start, int64_t end, int64_t step) {
  if (t.ndim() == 0) fail(ErrorKind::Index, "slice() cannot be applied to a 0-dim tensor.");
  dim = wrap_dim(dim, t.ndim());
  if (step == 0) fail(ErrorKind::Value, "slice step cannot be zero");
  if (step < 0) fail(ErrorKind::Value, "step must be greater than zero");
  const int64_t size = t.size(static_cast<int>(dim));
  const auto wrap = [size](int64_t i) { return i < 0 ? i + size : i; };
  start = std::clamp<int64_t>(wrap(start), 0, size);
  end = std::clamp<int64_t>(wrap(end), start, size);
  Dims sizes(t.sizes()), strides = t.strides();
  const int64_t offset = start * strides[dim], length = end - start;
  sizes[dim] = length / step + (length % step != 0);
  // The stride of a single element does not matter; a huge step must not overflow it.
  if (__builtin_mul_overflow(strides[dim], step, &strides[dim]) || strides[dim] > kMaxStride)
    strides[dim] = 0;
  Tensor out = make_view(t, sizes, strides, offset);
  if (needs_grad(t)) record(out, new SliceNode(t.sizes(), dim, start, end, step), t);
  return out;
}

// ---- as_strided ----

namespace {

struct RestrideNode final : NodeOf<1> {
  RestrideNode(const Geometry& f, const Geometry& g) : from(f), to(g) {}
  const char* name() const override { return "AsStridedBackward0"; }
  void backward(Tensor g, Sweep& sweep) override { sweep.send(*this, 0, restride(g, to, from)); }
  Geometry from, to;
};

// The number of elements from the start of the storage to the end of the last element.
int64_t extent(const Geometry& geometry) {
  int64_t last = geometry.offset;
  for (int64_t i = 0; i < geometry.sizes.size(); ++i) last += (geometry.sizes[i] - 1) * geometry.strides[i];
  return last + 1;
}

struct AsStridedNode final : NodeOf<1> {
  AsStridedNode(Geometry i, Geometry v) : input(std::move(i)), view(std::move(v)) {}
  const char* name() const override { return "AsStridedBackward0"; }
  void backward(Tensor g, Sweep& sweep) override {
    Tensor out = restride(g, view, input);
    // Elements of the input that are the same place share what arrives there.
    if (out.numel() && overlaps(input)) out = div(out, restride(ones(input.sizes, g.dtype()), input, input));
    sweep.send(*this, 0, std::move(out));
  }
  // Whether a stride does not step over all that the smaller ones reach.
  static bool overlaps(const Geometry& geometry) {
    Dims order;
    for (int64_t i = 0; i < geometry.sizes.size(); ++i)
      if (geometry.sizes[i] > 1) order.push_back(i);
    std::sort(order.begin(), order.end(),
              [&](int64_t a, int64_t b) { return geometry.strides[a] < geometry.strides[b]; });
    int64_t reach = 0;
    for (const int64_t i : order) {
      if (geometry.strides[i] <= reach) return true;
      reach += geometry.strides[i] * (geometry.sizes[i] - 1);
    }
    return false;
  }
  Geometry input, view;
};

}  // namespace

Tensor restride(const Tensor& g, const Geometry& from, const Geometry& to) {
  Tensor out;
  if (count_elements(from.sizes) == 0 || count_elements(to.sizes) == 0) {
    out = zeros(to.sizes, g.dtype());
  } else {
    const int64_t first = std::min(from.offset, to.offset),
                  length = std::max(extent(from), extent(to)) - first;
    const Tensor places = zeros(DimSpan(&length, 1), g.dtype());
    const auto part = [&](const Geometry& geometry) {
      const int64_t skip = (geometry.offset - first) * static_cast<int64_t>(item_size(g.dtype()));
      return alias(places, geometry.sizes, geometry.strides, static_cast<char*>(places.raw()) + skip);
    };
    const Tensor target = part(from);
    run_loop(kernels::pick(kernels::binary[static_cast<int>(BinaryId::add)], g.dtype()), target, {target, g});
    out = part(to);
  }
  if (needs_grad(g)) record(out, new RestrideNode(from, to), g);
  return out;
}

Tensor as_strided(const Tensor& t, DimSpan sizes, DimSpan strides, int64_t offset) {
  if (sizes.size() != strides.size()) fail("mismatch in length of strides and shape");
  for (const int64_t s : strides)
    if (s < 0) fail("as_strided: Negative strides are not supported at the moment, got strides: ", strides);
  for (const int64_t s : strides)
    if (s > kMaxStride)
      fail("Storage size calculation overflowed with sizes=", sizes, " and strides=", strides);
  for (const int64_t s : sizes)
    if (s < 0) fail("Storage size calculation overflowed with sizes=", sizes, " and strides=", strides);
  if (offset < 0) fail("Tensor: invalid storage offset ", offset);
  const int64_t width = static_cast<int64_t>(item_size(t.dtype()));
  if (count_elements(sizes)) {
    int64_t needed = 1;
    bool overflow = __builtin_add_overflow(needed, offset, &needed);
    for (size_t i = 0; i < sizes.size(); ++i) {
      int64_t span = 0;
      overflow |= __builtin_mul_overflow(sizes[i] - 1, strides[i], &span) ||
                  __builtin_add_overflow(needed, span, &needed);
    }
    overflow |= __builtin_mul_overflow(needed, width, &needed);
    if (overflow) fail("Storage size calculation overflowed with sizes=", sizes, " and strides=", strides);
    if (needed > static_cast<int64_t>(t->storage->bytes))
      fail("setStorage: sizes ", sizes, ", strides ", strides, ", storage offset ", offset, ", and itemsize ",
           width, " requiring a storage size of ", needed, " are out of bounds for storage of size ",
           static_cast<int64_t>(t->storage->bytes));
  }
  Tensor out = make_view(t, sizes, strides, offset - t->offset());
  if (needs_grad(t))
    record(out, new AsStridedNode({t.sizes(), t.strides().span(), t->offset()}, {sizes, strides, offset}), t);
  return out;
}

// ---- unbind ----

namespace {

struct UnbindNode final : NodeOf<1> {
  UnbindNode(uint32_t c, int64_t d, DType t, DimSpan s) : count(c), dim(d), dtype(t), sizes(s) {}
  const char* name() const override { return "UnbindBackward0"; }
  void backward(Tensor g, Sweep& sweep) override {
    std::vector<Tensor> parts(count);
    parts[0] = std::move(g);
    if (const NodeExtra* e = extra_or_null())
      for (size_t i = 0; i < e->gradients.size() && i + 1 < count; ++i) parts[i + 1] = e->gradients[i];
    Tensor zero;
    for (Tensor& part : parts) {
      if (part) continue;
      if (!zero) zero = zeros(sizes, dtype);
      part = zero;
    }
    sweep.send(*this, 0, stack(parts, dim));
  }
  uint32_t count;
  int64_t dim;
  DType dtype;
  SavedDims sizes;  // of each output
};

}  // namespace

std::vector<Tensor> unbind(const Tensor& t, int64_t dim) {
  dim = wrap_dim(dim, t.ndim());
  if (t.ndim() == 0) fail(ErrorKind::Index, "Dimension specified as ", dim, " but tensor has no dimensions");
  Dims sizes(t.sizes()), strides = t.strides();
  const int64_t count = sizes[dim], step = strides[dim] * static_cast<int64_t>(item_size(t.dtype()));
  sizes.erase(dim);
  strides.erase(dim);
  std::vector<Tensor> out;
  out.reserve(static_cast<size_t>(count));
  Ref<Node> node;
  if (count && needs_grad(t)) {
    node = Ref<Node>::steal(new UnbindNode(static_cast<uint32_t>(count), dim, t.dtype(), sizes));
    node->edges()[0] = gradient_edge(t);
  }
  for (int64_t i = 0; i < count; ++i) {
    Tensor part = alias(t, sizes, strides, static_cast<char*>(t.raw()) + i * step);
    mark_view(part, t, "Unbind", static_cast<uint32_t>(i));
    if (node) set_history(part, Ref<Node>(node).release(), static_cast<uint32_t>(i));
    out.push_back(std::move(part));
  }
  return out;
}

}  // namespace hinoko
