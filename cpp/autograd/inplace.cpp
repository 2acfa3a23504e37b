// Views and in-place changes. A view shares bytes and version counter with its base. When a view is
// changed in place under recording, the base gets a new producer, CopySlices, which knows the part that
// was changed; the view's own grad_fn is made anew when it is next asked for (its version is out of date).
#include "autograd/engine.h"
#include "autograd/meta.h"

namespace hinoko {

namespace {

struct Geometry {
  Dims sizes, strides;
  int64_t offset;
  explicit Geometry(const Tensor& t) : sizes(t.sizes()), strides(t.strides()), offset(t->offset()) {}
};

// Puts `g`, of the geometry's sizes, into that part of `whole`. Elements that share memory add up.
void put(const Tensor& whole, const Geometry& base, const Geometry& part, const Tensor& g) {
  const auto& ops = g_engine_ops;
  Dims sizes = part.sizes;
  for (int64_t i = 0; i < sizes.size(); ++i)
    if (part.strides[i] == 0) sizes[i] = std::min<int64_t>(sizes[i], 1);
  const Tensor view = ops.as_strided(whole, sizes, part.strides, part.offset - base.offset);
  ops.copy_into(view, same(sizes, part.sizes) ? g : ops.sum_to_size(g, sizes));
}

struct AsStridedViewBackward final : NodeOf<1> {
  AsStridedViewBackward(const Tensor& base, const Tensor& view)
      : base_(base), view_(view), dtype_(base.dtype()) {}
  AsStridedViewBackward(const Geometry& base, const Geometry& view, DType dtype)
      : base_(base), view_(view), dtype_(dtype) {}
  const char* name() const override { return "AsStridedBackward0"; }
  void backward(Tensor g, Sweep& sweep) override {
    const auto& ops = g_engine_ops;
    Tensor whole = ops.zeros(base_.sizes, base_.strides, dtype_);
    put(whole, base_, view_, g);
    sweep.send(*this, 0, std::move(whole));
  }

 private:
  Geometry base_, view_;
  DType dtype_;
};

// base[view] = fn(base[view], ...): see the head of this file.
struct CopySlices final : VariadicNode {
  CopySlices(uint32_t count, const Tensor& base, const Tensor& view, Node* fn)
      : VariadicNode(count), base_(base), view_(view), dtype_(base.dtype()), fn_(fn) {
    fn_->extra().slices = this;
  }
  ~CopySlices() override {
    fn_->extra().slices = nullptr;
    fn_->unref();
  }
  const char* name() const override { return "CopySlices"; }
  const char* full_name() const override { return "torch::autograd::CopySlices"; }
  int listed_edges() const override { return std::max(static_cast<int>(edge_count()), fn_->listed_edges()); }
  void release_saved() noexcept override { fn_->release_saved(); }
  Node* part_producer() {
    auto* node = new AsStridedViewBackward(base_, view_, dtype_);
    ref();
    node->edges()[0] = {this, 0};
    return node;
  }

  void backward(Tensor g, Sweep& sweep) override {
    const auto& ops = g_engine_ops;
    Tensor whole = ops.zeros(base_.sizes, base_.strides, dtype_);
    ops.copy_into(whole, g);
    Tensor part = ops.as_strided(whole, view_.sizes, view_.strides, view_.offset - base_.offset);
    Tensor first;
    fn_->extra().first_gradient = &first;
    try {
      fn_->backward(ops.clone(part), sweep);
    } catch (...) {
      fn_->extra().first_gradient = nullptr;
      throw;
    }
    fn_->extra().first_gradient = nullptr;
    if (!sweep.needs(*this, 0)) return;
    if (!first) first = ops.zeros(view_.sizes, contiguous_strides(view_.sizes), dtype_);
    put(whole, base_, view_, first);
    sweep.send(*this, 0, std::move(whole));
  }

 private:
  Geometry base_, view_;
  DType dtype_;
  Node* fn_;
};

// `retain_grad` follows the tensor to its new producer.
void move_retained(const Tensor& t, Node* from, Node& to) {
  if (!t->meta || !t->meta->retains_grad || !from || !from->extra_or_null()) return;
  std::erase_if(from->extra_or_null()->retained, [&](const auto& r) { return r.tensor == t.get(); });
  to.extra().retained.push_back({0, t.get()});
}

}  // namespace

Node* producer_of_part(Node& slices) { return static_cast<CopySlices&>(slices).part_producer(); }

bool base_requires_grad(const TensorImpl& view) noexcept { return view.meta->base.requires_grad(); }

void mark_view(const Tensor& view, const Tensor& source, const char* multi_output, uint32_t nr) {
  view->flags |= source->flags & kUncounted;
  AutogradMeta& meta = meta_of(*view);
  const bool of_view = source->flags & kIsView;
  meta.base = of_view ? source->meta->base : source;
  meta.grad_fn_version = view->version();
  meta.made_without_grad = !grad_enabled() || (of_view && source->meta->made_without_grad);
  meta.multi_output = multi_output ? multi_output : of_view ? source->meta->multi_output : nullptr;
  meta.multi_output_nr = multi_output ? nr : of_view ? source->meta->multi_output_nr : 0;
  view->flags |= kIsView;
}

Node* grad_fn(const Tensor& t) {
  if (!(t->flags & kIsView)) return t->grad_fn;
  AutogradMeta& meta = *t->meta;
  if (meta.grad_fn_version == t->version() || !meta.base.requires_grad()) return t->grad_fn;
  if (meta.made_without_grad)
    fail(
        "A view was created in no_grad mode and its base or another view of its base has been modified "
        "inplace with "
        "grad mode enabled. Given that this use case is ambiguous and error-prone, it is forbidden. You can "
        "clarify "
        "your code by moving both the view and the inplace either both inside the no_grad block (if you "
        "don't want "
        "the inplace to be tracked) or both outside (if you want the inplace to be tracked).");
  if (meta.multi_output)
    fail("Output ", meta.multi_output_nr, " of ", meta.multi_output,
         " is a view and its base or another view of its base has been modified inplace. This view is the "
         "output of a function that returns multiple views. Such functions do not allow the output views to "
         "be "
         "modified inplace. You should replace the inplace operation by an out-of-place one.");
  auto made = new_node<AsStridedViewBackward>(meta.base, t);
  made->edges()[0] = gradient_edge(meta.base);
  Node* old = t->grad_fn;
  move_retained(t, old, *made);
  Node* node = made.release();
  set_history(t, node);
  if (old) old->unref();
  meta.grad_fn_version = t->version();
  return node;
}

void check_inplace(const Tensor& t, bool recorded) {
  if (!recorded || !grad_enabled()) return;
  if (t->flags & kIsView) {
    const AutogradMeta& meta = *t->meta;
    if (meta.made_without_grad)
      fail(
          "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given "
          "that this "
          "use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both "
          "the view "
          "and the inplace either both inside the no_grad block (if you don't want the inplace to be "
          "tracked) or both "
          "outside (if you want the inplace to be tracked).");
    if (meta.multi_output)
      fail("Output ", meta.multi_output_nr, " of ", meta.multi_output,
           " is a view and is being modified inplace. This view is the output of a function that returns "
           "multiple "
           "views. Such functions do not allow the output views to be modified inplace. You should replace "
           "the inplace "
           "operation by an out-of-place one.");
    if (t.requires_grad() && meta.base.is_leaf())
      fail("a view of a leaf Variable that requires grad is being used in an in-place operation.");
  }
  if (t.is_leaf() && t->flags & kRequiresGrad)
    fail("a leaf Variable that requires grad is being used in an in-place operation.");
}

void finish_inplace_geometry(const Tensor& t, Node* node) {
  t->bump_version();
  if (!node) return;
  Node* old = t->grad_fn;
  move_retained(t, old, *node);
  set_history(t, node);
  if (old) old->unref();
  if (t->flags & kIsView) t->meta->grad_fn_version = t->version();
}

void finish_inplace(const Tensor& t, Node* node) {
  if (!(t->flags & kIsView)) return finish_inplace_geometry(t, node);
  t->bump_version();
  if (!node) return;
  const Tensor base = t->meta->base;
  const uint32_t count = std::max(node->edge_count(), 1u);
  auto* slices = VariadicNode::make<CopySlices>(count, base, t, node);
  slices->edges()[0] = gradient_edge(base);
  for (uint32_t i = 1; i < node->edge_count(); ++i) {
    slices->edges()[i] = node->edges()[i];
    if (Node* fn = slices->edges()[i].fn) fn->ref();
  }
  if (node->edge_count()) {  // the gradient of the old part goes to the base, by way of CopySlices
    if (Node* fn = node->edges()[0].fn) fn->unref();
    node->edges()[0] = slices->edges()[0];
    if (Node* fn = node->edges()[0].fn) fn->ref();
  }
  Node* old = base->grad_fn;
  move_retained(base, old, *slices);
  set_history(base, slices);
  if (old) old->unref();
  (void)grad_fn(t);
}

}  // namespace hinoko
