// AutogradMeta: what only some tensors have: a gradient, an accumulator, hooks, a base.
#pragma once

#include "autograd/node.h"

namespace hinoko {

// The node at the end of every path: adds what arrives to the leaf's `.grad`. It lives inside the
// leaf's AutogradMeta; whoever refers to it keeps the leaf alive (gradient_edge, Node::release).
struct AccumulateGrad final : Node {
  explicit AccumulateGrad(TensorImpl& leaf) noexcept : Node(0, sizeof(Node)), variable(&leaf) {
    refs_ = 0;
    sequence_ = 0;
  }
  const char* name() const override { return "AccumulateGrad"; }
  const char* full_name() const override { return "torch::autograd::AccumulateGrad"; }
  void backward(Tensor grad, Sweep& sweep) override;
  // References to the node are references to the leaf.
  void retain() noexcept {
    if (refs_++ == 0) variable->ref();
  }
  TensorImpl* variable;
};

struct AutogradMeta : Pooled {
  explicit AutogradMeta(TensorImpl& self) noexcept : accumulator(self) {}
  Tensor grad;
  AccumulateGrad accumulator;
  std::vector<HookEntry> hooks;            // of a leaf; those of other tensors live on their node
  std::vector<HookEntry> post_accumulate;  // called with the leaf after its .grad was updated
  // Views: the tensor that owns the data, and the version of the data for which grad_fn is right.
  Tensor base;
  uint32_t grad_fn_version = 0;
  bool retains_grad = false;
  const char* multi_output = nullptr;  // a view made together with others by this operation
  uint32_t multi_output_nr = 0;
  bool made_without_grad = false;  // a view made under no_grad
};

inline AutogradMeta& meta_of(TensorImpl& impl) {
  if (!impl.meta) impl.meta = new AutogradMeta(impl);
  return *impl.meta;
}

// ---- what tensors can be asked (bindings and ops) ----
// The producer of `t`, made anew when a view's base changed in place. Null for a leaf.
Node* grad_fn(const Tensor& t);
Tensor grad_of(const Tensor& t);                  // undefined when there is none
void set_grad(const Tensor& t, const Tensor& g);  // checked as torch checks `t.grad = g`
void set_requires_grad(const Tensor& t, bool on);
void retain_grad(const Tensor& t);
void register_hook(const Tensor& t, std::shared_ptr<Hook> hook);
void register_post_accumulate_hook(const Tensor& t, std::shared_ptr<Hook> hook);
Tensor detach(const Tensor& t);  // a view outside of the graph
void detach_(const Tensor& t);

// ---- views and in-place changes (autograd/inplace.cpp) ----
// Makes `view` a view of `source` as autograd sees it. `multi_output` names the operation when it is one of
// several views made by one call, which may not be changed in place.
void mark_view(const Tensor& view, const Tensor& source, const char* multi_output = nullptr, uint32_t nr = 0);
// Refuses what torch refuses; call before the data of `t` is touched. `recorded`: a gradient will be
// recorded.
void check_inplace(const Tensor& t, bool recorded);
// After the data was changed: counts the change and makes `node` (null: nothing to record) the producer of
// `t`, or of the part of its base that `t` shows. Edge 0 of `node` is that of the old `t`.
void finish_inplace(const Tensor& t, Node* node);
// The same after a change of sizes and strides alone: the base of a view keeps its elements and its producer.
void finish_inplace_geometry(const Tensor& t, Node* node);
// The producer of what an operation left in the part of a base that it changed: a new node after `slices`.
Node* producer_of_part(Node& slices);

}  // namespace hinoko
