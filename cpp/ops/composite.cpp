// Small operations that are neither a row of a table nor a view: addcmul, flip.
#include "autograd/engine.h"
#include "autograd/saved.h"
#include "ops/binary.h"

namespace hinoko {

// ---- addcmul: x + value * a * b ----

namespace {

struct AddcmulNode final : NodeOf<3> {
  explicit AddcmulNode(const Scalar& v) : value(v) {}
  const char* name() const override { return "AddcmulBackward0"; }
  void release_saved() noexcept override {
    a.reset();
    b.reset();
  }
  void backward(Tensor g, Sweep& sweep) override {
    Tensor ga, gb;
    if (sweep.needs(*this, 1)) ga = g * (b.unpack(*this) * value);
    if (sweep.needs(*this, 2)) gb = g * (a.unpack(*this) * value);
    sweep.send(*this, 0, std::move(g));
    sweep.send(*this, 1, std::move(ga));
    sweep.send(*this, 2, std::move(gb));
  }
  SavedTensor a, b;
  Scalar value;
};

Tensor addcmul_raw(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& value) {
  const GradModeGuard guard(false);
  DType dtype = x.dtype();
  if (a.dtype() == dtype && b.dtype() == dtype) {
    if (dtype == DType::Bool)
      fail(ErrorKind::NotImplemented, "\"addcmul_cpu_out\" not implemented for 'Bool'");
    if (value.equals(1)) return x + a * b;
  } else {
    Tensor plain = x + a * b;
    if (value.equals(1)) return plain;
    dtype = plain.dtype();
  }
  // The tensors alone decide the dtype; the number follows.
  const Scalar factor = is_floating(dtype) ? value : Scalar(static_cast<long long>(value.to_int()));
  return x + (cast_raw(a, dtype) * factor) * b;
}

AddcmulNode* link(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& value, DType dtype,
                  DimSpan sizes) {
  auto node = new_node<AddcmulNode>(value);
  node->edges()[0] = gradient_edge(x);
  node->edges()[1] = gradient_edge(a);
  node->edges()[2] = gradient_edge(b);
  node->a.save_input(a, 1);
  node->b.save_input(b, 2);
  note_input_shapes(*node, dtype, sizes, {&x, &a, &b});
  return node.release();
}

}  // namespace

Tensor addcmul(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& value) {
  Tensor out = addcmul_raw(x, a, b, value);
  if (needs_grad(x, a, b)) set_history(out, link(x, a, b, value, out.dtype(), out.sizes()));
  return out;
}

void addcmul_(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& value) {
  const bool recorded = needs_grad(x, a, b);
  check_inplace(x, recorded);
  check_no_overlap(x, {&a, &b});
  const Tensor result = addcmul_raw(x, a, b, value);
  detail::check_inplace_sizes(x, Dims(result.sizes()));
  detail::check_inplace_dtype(x, result.dtype());
  AddcmulNode* node = recorded ? link(x, a, b, value, x.dtype(), x.sizes()) : nullptr;
  if (node && a->storage == x->storage) node->a.save_overwritten(a);
  if (node && b->storage == x->storage) node->b.save_overwritten(b);
  const Ref<Node> guard = Ref<Node>::steal(node);
  copy_raw(x, result);
  finish_inplace(x, Ref<Node>(guard).release());
}

// ---- flip ----

namespace {

struct FlipNode final : NodeOf<1> {
  explicit FlipNode(DimSpan d) : dims(d) {}
  const char* name() const override { return "FlipBackward0"; }
  void backward(Tensor g, Sweep& sweep) override { sweep.send(*this, 0, flip(g, dims)); }
  Dims dims;
};

}  // namespace

Tensor flip(const Tensor& t, DimSpan dims) {
  Dims strides = t.strides();
  Dims seen(t.ndim(), 0);
  char* first = static_cast<char*>(t.raw());
  for (const int64_t d : dims) {
    const int64_t dim = wrap_dim(d, t.ndim());
    if (seen.empty()) continue;  // a 0-d tensor has one order
    if (seen[dim]++) fail("dim ", dim, " appears multiple times in the list of dims");
    const int64_t size = t.size(static_cast<int>(dim));
    if (size > 0) first += (size - 1) * strides[dim] * static_cast<int64_t>(item_size(t.dtype()));
    strides[dim] = -strides[dim];
  }
  Tensor out = empty_like(t);
  if (t.numel()) copy_raw(out, alias(t, t.sizes(), strides, first));
  if (needs_grad(t)) record(out, new FlipNode(dims), t);
  return out;
}

}  // namespace hinoko
