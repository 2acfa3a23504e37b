#include "autograd/meta.h"

#include <algorithm>

#include "autograd/engine.h"

namespace hinoko {

void release_graph_links(TensorImpl& impl) noexcept {
  if (Node* fn = std::exchange(impl.grad_fn, nullptr)) {
    if (impl.meta && impl.meta->retains_grad && fn->extra_or_null())
      std::erase_if(fn->extra_or_null()->retained, [&](const auto& r) { return r.tensor == &impl; });
    if (impl.own.refs > 1 && impl.own.version) impl.handle = const_cast<char*>(fn->full_name());
    fn->unref();
  }
  if (AutogradMeta* meta = std::exchange(impl.meta, nullptr)) {
    impl.flags &= static_cast<uint16_t>(~kIsView);
    delete meta;
  }
}

void AccumulateGrad::backward(Tensor grad, Sweep& sweep) {
  if (!grad) return;
  const auto& ops = g_engine_ops;
  TensorImpl& leaf = *variable;
  Tensor& held = leaf.meta->grad;
  if (!held) {
    // The buffer becomes .grad if nobody else sees it; a gradient that is part of a graph is copied.
    const bool ours = !sweep.create_graph() && grad.is_sole() && leaf.is_contiguous() && grad.is_contiguous();
    held = ours ? std::move(grad) : ops.clone_like(grad, Tensor::share(&leaf));
  } else if (!sweep.create_graph()) {
    // The leaf's data and gradient may have been replaced since the forward pass.
    if (held.dtype() != grad.dtype()) grad = ops.to_dtype(grad, held.dtype());
    if (!same(held.sizes(), grad.sizes()))
      fail("The size of tensor a ", held.sizes(), " must match the size of tensor b ", grad.sizes(),
           " where a gradient is added to .grad");
    ops.add_into(held, grad);
    held->bump_version();
  } else {
    held = ops.add(held, grad);
  }
  if (!leaf.meta->post_accumulate.empty()) {
    const Tensor self = Tensor::share(&leaf);
    const std::vector<HookEntry> hooks = leaf.meta->post_accumulate;
    for (const HookEntry& h : hooks) sweep.outside(*this, [&] { (void)h.hook->call(self); });
  }
}

Tensor grad_of(const Tensor& t) { return t->meta ? t->meta->grad : Tensor(); }

void set_grad(const Tensor& t, const Tensor& g) {
  if (g) {
    if (g.get() == t.get()) fail("can't assign Variable as its own grad");
    if (g.dtype() != t.dtype())
      fail("attempting to assign a gradient with dtype '", c_type_name(g.dtype()),
           "' to a tensor with grad_dtype '", dtype_scalar_name(t.dtype()),
           "'. The gradient must match the tensor's grad_dtype (defaults to the tensor's dtype).");
    if (!same(g.sizes(), t.sizes()))
      fail("attempting to assign a gradient of size '", g.sizes(), "' to a tensor of size '", t.sizes(),
           "'. Please ensure that the gradient and the tensor are the same size");
  } else if (!t->meta) {
    return;
  }
  meta_of(*t).grad = g;
}

void set_requires_grad(const Tensor& t, bool on) {
  if (!t.is_leaf()) {
    if (on) return;
    fail(
        "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
        "in a "
        "subgraph that doesn't require differentiation use var_no_grad = var.detach().");
  }
  if (on && !is_floating(t.dtype())) fail("only Tensors of floating point dtype can require gradients");
  if (on) {
    meta_of(*t);
    t->flags |= kRequiresGrad;
  } else {
    t->flags &= static_cast<uint16_t>(~kRequiresGrad);
  }
}

void retain_grad(const Tensor& t) {
  if (!t.requires_grad()) fail("can't retain_grad on Tensor that has requires_grad=False");
  Node* fn = grad_fn(t);
  if (!fn) return;
  AutogradMeta& meta = meta_of(*t);
  if (meta.retains_grad) return;
  meta.retains_grad = true;
  fn->extra().retained.push_back({t->output_nr, t.get()});
}

void register_hook(const Tensor& t, std::shared_ptr<Hook> hook) {
  if (!t.requires_grad()) fail("cannot register a hook on a tensor that doesn't require gradient");
  if (Node* fn = grad_fn(t)) {
    fn->extra().hooks.push_back({t->output_nr, std::move(hook)});
  } else {
    meta_of(*t).hooks.push_back({0, std::move(hook)});
  }
}

void register_post_accumulate_hook(const Tensor& t, std::shared_ptr<Hook> hook) {
  if (!t.requires_grad()) fail("cannot register a hook on a tensor that doesn't require gradient");
  if (grad_fn(t)) fail("post accumulate grad hooks cannot be registered on non-leaf tensors");
  meta_of(*t).post_accumulate.push_back({0, std::move(hook)});
}

Tensor detach(const Tensor& t) {
  Tensor out = alias(t);
  out->flags |= t->flags & kUncounted;
  return out;
}

void detach_(const Tensor& t) {
  if (t->flags & kIsView)
    fail(
        "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) "
        "for "
        "training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence "
        "detach_() cannot be called on these gradients. To fix this error, please refer to the "
        "Optimizer.zero_grad() function in torch/optim/optimizer.py as a solution.");
  if (Node* fn = std::exchange(t->grad_fn, nullptr)) {
    if (t->meta && t->meta->retains_grad && fn->extra_or_null())
      std::erase_if(fn->extra_or_null()->retained, [&](const auto& r) { return r.tensor == t.get(); });
    if (t->meta) t->meta->retains_grad = false;
    fn->unref();
  }
  t->output_nr = 0;
  t->flags &= static_cast<uint16_t>(~kRequiresGrad);
}

}  // namespace hinoko
