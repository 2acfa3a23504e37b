// Views of a part of a tensor: select, slice, as_strided, unbind. Their gradients put the part back where it
// was taken from.
#include "autograd/engine.h"
#include "ops/views.h"

namespace hinoko {

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
