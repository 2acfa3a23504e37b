// Shapes that may need a copy: reshape, flatten; and joining tensors: cat, stack.
#include <cstring>

#include "autograd/engine.h"
#include "ops/views.h"

namespace hinoko {

namespace {

struct UnsafeViewNode final : NodeOf<1> {
  explicit UnsafeViewNode(DimSpan s) : sizes(s) {}
  const char* name() const override { return "UnsafeViewBackward0"; }
  void backward(Tensor g, Sweep& sweep) override {
    sweep.send(*this, 0, reshape_gradient(std::move(g), sizes));
  }
  SavedDims sizes;
};

}  // namespace

Tensor reshape(const Tensor& t, DimSpan sizes) {
  const Dims full = infer_sizes(sizes, t.numel());
  Dims strides;
  if (view_strides(t, full, strides))
    return view_as(t, full, strides, t.is_contiguous() ? "ViewBackward0" : "ReshapeAliasBackward0");
  // The copy belongs to nobody else, so that its new shape is not a view of it.
  const Tensor copy = contiguous(t);
  Tensor out = alias(copy, full, contiguous_strides(full), copy.raw());
  if (needs_grad(copy)) record(out, new UnsafeViewNode(copy.sizes()), copy);
  return out;
}

Tensor flatten(const Tensor& t, int64_t first, int64_t last) {
  first = wrap_dim(first, t.ndim());
  last = wrap_dim(last, t.ndim());
  if (first > last) fail("flatten() has invalid args: start_dim cannot come after end_dim");
  if (t.ndim() == 0) return reshape(t, Dims{1});
  if (first == last) return t;
  Dims sizes;
  int64_t merged = 1;
  for (int64_t i = 0; i < t.ndim(); ++i) {
    const int64_t size = t.size(static_cast<int>(i));
    if (i < first || i > last) {
      sizes.push_back(size);
    } else {
      merged *= size;
      if (i == last) sizes.push_back(merged);
    }
  }
  return reshape(t, sizes);
}

// ---- cat ----

namespace {

// An empty tensor of one dimension is passed over, whatever the shape of the others.
bool is_skipped(const Tensor& t) { return t.ndim() == 1 && t.numel() == 0; }

struct CatNode final : VariadicNode {
  CatNode(uint32_t count, int64_t d) : VariadicNode(count), dim(d) {}
  const char* name() const override { return "CatBackward0"; }
  void backward(Tensor g, Sweep& sweep) override {
    int64_t start = 0;
    for (uint32_t i = 0; i < edge_count(); ++i) {
      const int64_t size = lengths[i];
      if (sweep.needs(*this, i))
        sweep.send(*this, i, size < 0 ? zeros(Dims{0}, g.dtype()) : slice(g, dim, start, start + size, 1));
      start += std::max<int64_t>(size, 0);
    }
  }
  int64_t dim;
  SmallVector<int64_t, 4> lengths;  // along `dim`; -1 for a tensor that was passed over
};

struct StackNode final : VariadicNode {
  StackNode(uint32_t count, int64_t d) : VariadicNode(count), dim(d) {}
  const char* name() const override { return "StackBackward0"; }
  void backward(Tensor g, Sweep& sweep) override {
    if (grad_enabled()) {
      const std::vector<Tensor> parts = unbind(g, dim);
      for (uint32_t i = 0; i < edge_count(); ++i) sweep.send(*this, i, Tensor(parts[i]));
      return;
    }
    for (uint32_t i = 0; i < edge_count(); ++i)
      if (sweep.needs(*this, i)) sweep.send(*this, i, select(g, dim, i));
  }
  int64_t dim;
};

DType joined_dtype(std::span<const Tensor> tensors) {
  ResultType type;
  for (const Tensor& t : tensors) type.add(t);
  return type.result();
}

// Whether strides are those of images with the channels last (and not, as well, in the usual order).
bool has_channels_last(const Tensor& t) {
  if ((t.ndim() != 4 && t.ndim() != 5) || t.stride(1) == 0) return false;
  int64_t reach = 0;
  const auto passes = [&](int d) {
    if (t.size(d) == 0 || t.stride(d) < reach) return false;
    reach = t.size(d) > 1 ? t.stride(d) * t.size(d) : t.stride(d);
    return true;
  };
  if (!passes(1)) return false;
  for (int d = t.ndim() - 1; d >= 2; --d)
    if (!passes(d)) return false;
  return reach != t.stride(1) && passes(0);
}

Tensor empty_joined(std::span<const Tensor> tensors, const Dims& sizes, DType dtype) {
  for (const Tensor& t : tensors)
    if (!is_skipped(t) && !has_channels_last(t)) return empty(sizes, dtype);
  Dims strides(sizes.size());
  strides[1] = 1;
  int64_t step = sizes[1];
  for (int64_t d = sizes.size() - 1; d >= 2; --d) {
    strides[d] = step;
    step *= sizes[d];
  }
  strides[0] = step;
  return empty_strided(sizes, strides, dtype);
}

bool any_needs_grad(std::span<const Tensor> tensors) {
  if (!grad_enabled()) return false;
  return std::any_of(tensors.begin(), tensors.end(), [](const Tensor& t) { return t.requires_grad(); });
}

void link(const Tensor& out, VariadicNode* node, std::span<const Tensor> tensors) {
  bool casts = false;
  set_producer(*out, node);  // first, so that `out` owns the node if an input has no edge to give
  for (size_t i = 0; i < tensors.size(); ++i) {
    casts |= tensors[i].dtype() != out.dtype();
    node->edges()[i] = gradient_edge(tensors[i]);
  }
  node->set_sequence();
  if (casts)
    for (const Tensor& t : tensors) node->extra().input_shapes.push_back({t.dtype(), Dims(t.sizes())});
}

}  // namespace

Tensor cat(std::span<const Tensor> tensors, int64_t dim) {
  if (tensors.empty()) fail(ErrorKind::Value, "torch.cat(): expected a non-empty list of Tensors");
  for (size_t i = 0; i < tensors.size(); ++i)
    if (tensors[i].ndim() == 0) fail("zero-dimensional tensor (at position ", i, ") cannot be concatenated");
  const DType dtype = joined_dtype(tensors);
  const Tensor* first = nullptr;
  Dims sizes;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& t = tensors[i];
    if (is_skipped(t)) continue;
    if (!first) {
      first = &t;
      dim = wrap_dim(dim, t.ndim());
      sizes = t.sizes();
      continue;
    }
    if (t.ndim() != first->ndim())
      fail("Tensors must have same number of dimensions: got ", first->ndim(), " and ", t.ndim());
    for (int d = 0; d < t.ndim(); ++d)
      if (d != dim && t.size(d) != first->size(d))
        fail("Sizes of tensors must match except in dimension ", dim, ". Expected size ", first->size(d),
             " but got size ", t.size(d), " for tensor number ", i, " in the list.");
    sizes[dim] += t.size(static_cast<int>(dim));
  }
  if (!first) {
    dim = 0;
    sizes = Dims{0};
  }
  Tensor out = first ? empty_joined(tensors, sizes, dtype) : empty(sizes, dtype);
  const Dims strides = out.strides();
  char* place = static_cast<char*>(out.raw());
  for (const Tensor& t : tensors) {
    if (is_skipped(t) || !t.numel()) continue;
    if (t.ndim() == 1 && t.is_contiguous() && t.dtype() == dtype) {
      std::memcpy(place, t.raw(), static_cast<size_t>(t.numel()) * item_size(dtype));
    } else {
      copy_raw(alias(out, t.sizes(), strides, place), t);
    }
    place += t.size(static_cast<int>(dim)) * strides[dim] * static_cast<int64_t>(item_size(dtype));
  }
  if (any_needs_grad(tensors)) {
    auto* node = VariadicNode::make<CatNode>(static_cast<uint32_t>(tensors.size()), dim);
    for (const Tensor& t : tensors)
      node->lengths.push_back(is_skipped(t) ? -1 : t.size(static_cast<int>(dim)));
    link(out, node, tensors);
  }
  return out;
}

// ---- stack ----

Tensor stack(std::span<const Tensor> tensors, int64_t dim) {
  if (tensors.empty()) fail("stack expects a non-empty TensorList");
  const Tensor& first = tensors[0];
  dim = wrap_dim(dim, first.ndim() + 1);
  for (size_t i = 1; i < tensors.size(); ++i)
    if (!same(tensors[i].sizes(), first.sizes()))
      fail("stack expects each tensor to be equal size, but got ", first.sizes(), " at entry 0 and ",
           tensors[i].sizes(), " at entry ", i);
  const DType dtype = joined_dtype(tensors);
  Dims sizes(first.sizes());
  sizes.insert(dim, static_cast<int64_t>(tensors.size()));
  Tensor out = empty(sizes, dtype);
  Dims strides = contiguous_strides(sizes);
  const int64_t width = static_cast<int64_t>(item_size(dtype)), step = strides[dim] * width;
  strides.erase(dim);
  char* place = static_cast<char*>(out.raw());
  if (out.numel()) {
    for (const Tensor& t : tensors) {
      if (t.numel() == 1 && t.dtype() == dtype) {
        std::memcpy(place, t.raw(), static_cast<size_t>(width));
      } else {
        copy_raw(alias(out, t.sizes(), strides, place), t);
      }
      place += step;
    }
  }
  if (any_needs_grad(tensors))
    link(out, VariadicNode::make<StackNode>(static_cast<uint32_t>(tensors.size()), dim), tensors);
  return out;
}

}  // namespace hinoko
