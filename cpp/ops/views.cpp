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

}  // namespace hinoko
