#include "autograd/node.h"

#include "autograd/engine.h"

namespace hinoko {

thread_local bool g_grad_enabled HINOKO_FAST_TLS = true;
uint64_t Node::g_sequence = 0;

Node::~Node() { delete extra_; }

void VariadicNode::set_edges(size_t head, size_t bytes) noexcept {
  edge_offset_ = static_cast<uint16_t>(head);
  bytes_ = bytes;
  for (uint32_t i = 0; i < edge_count_; ++i) edges()[i] = {nullptr, 0};
}

// Nodes die in a loop, not by recursion: what a dying node refers to is queued.
void Node::release(Node* node) noexcept {
  if (node->is_accumulator()) {
    static_cast<AccumulateGrad*>(node)->variable->unref();
    return;
  }
  static Node* dead = nullptr;
  static bool draining = false;
  node->next_dead_ = dead;
  dead = node;
  if (draining) return;
  draining = true;
  while (dead) {
    Node* n = dead;
    dead = n->next_dead_;
    n->next_dead_ = nullptr;
    for (uint32_t i = 0; i < n->edge_count_; ++i)
      if (Node* fn = n->edges()[i].fn) fn->unref();
    delete n;
  }
  draining = false;
}

Edge gradient_edge(const Tensor& t) {
  if (!t.defined() || !t.requires_grad()) return {nullptr, 0};
  if (Node* fn = t->flags & kIsView ? grad_fn(t) : t->grad_fn) {
    fn->ref();
    return {fn, t->output_nr};
  }
  // A view of what came to require grad after the view was made has no gradient of its own.
  if (!(t->flags & kRequiresGrad)) return {nullptr, 0};
  AccumulateGrad& accumulator = meta_of(*t).accumulator;
  accumulator.retain();
  return {&accumulator, 0};
}

void note_input_shapes(Node& node, DType out_dtype, DimSpan out_sizes,
                       std::initializer_list<const Tensor*> inputs) {
  bool differs = false;
  for (const Tensor* t : inputs) differs |= t->dtype() != out_dtype || !same(t->sizes(), out_sizes);
  if (!differs) return;
  for (const Tensor* t : inputs) node.extra().input_shapes.push_back({t->dtype(), Dims(t->sizes())});
}

}  // namespace hinoko
