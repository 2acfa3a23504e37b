#include "autograd/node.h"

#include <cstring>

#include "autograd/engine.h"
#include "autograd/saved.h"

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

// ---- saved tensors ----

void SavedTensor::save_output(const Tensor& t) {
  reset();
  if (t->storage == &t->own) {
    t->own.ref();
    note(t.get(), Mode::OwnOutput);
    link();
  } else {
    note(alias(t).release(), Mode::DetachedOutput);
  }
}

void SavedTensor::save_overwritten(const Tensor& t) {
  const uint32_t version = t->version();
  Tensor data = alias(t);
  reset();
  note(data.release(), Mode::Overwritten);
  version_ = version;
}

void SavedTensor::drop() noexcept {
  const Mode mode = mode_;
  mode_ = Mode::None;
  if (mode < Mode::Input) return;
  TensorImpl* impl = std::exchange(impl_, nullptr);
  if (impl->flags & kKept && impl->keeper() == this) impl->set_keeper(nullptr);
  if (mode == Mode::OwnOutput) {
    impl->own.unref();
  } else {
    impl->unref();
  }
}

void keep_number_only(TensorImpl& impl) noexcept {
  auto& keeper = *static_cast<SavedTensor*>(impl.keeper());
  using Mode = SavedTensor::Mode;
  if (!SavedTensor::is_number(impl) || !keeper.unchanged()) return;
  if (keeper.mode_ == Mode::Input) {
    if (impl.refs == 2 && impl.own.refs == 1) keeper.take_number(Mode::InputNumber);
  } else if (impl.refs == 1 && impl.own.refs == 2) {
    keeper.take_number(Mode::OutputNumber);
  }
}

void SavedTensor::take_number(Mode mode) noexcept {
  TensorImpl* impl = impl_;
  drop();
  std::memcpy(number_, impl->inline_data, sizeof number_);
  version_ = static_cast<uint32_t>(impl->dtype) + 256u * impl->ndim;
  mode_ = mode;
}

void SavedTensor::restore(const Node& node) const {
  if (mode_ == Mode::None) fail_graph_freed();
  TensorImpl* impl = empty_scalar(static_cast<DType>(version_ & 255), static_cast<uint8_t>(version_ >> 8));
  std::memcpy(impl->inline_data, number_, sizeof number_);
  if (mode_ == Mode::InputNumber) {
    const Edge& edge = node.edges()[edge_];
    if (edge.fn) {
      edge.fn->ref();
      set_producer(*impl, edge.fn, edge.nr);
    }
    mode_ = Mode::Input;
  } else {
    impl->refs = 0;  // as if its last handle had gone
    mode_ = Mode::OwnOutput;
  }
  impl_ = impl;
  version_ = 0;
  exchanges_ = 0;
}

Tensor SavedTensor::unpack_output(Node& node) const {
  if (mode_ == Mode::OwnOutput && impl_->refs > 0 && impl_->grad_fn == &node) return Tensor::share(impl_);
  // The tensor itself is gone (or was detached): the same data, as this node's output.
  TensorImpl* impl = new_impl();
  Tensor out = Tensor::steal(impl);
  impl->dtype = impl_->dtype;
  impl->storage = impl_->storage;
  impl->storage->ref();
  impl->data = impl_->data;
  Dims strides(impl_->ndim);
  for (int i = 0; i < impl_->ndim; ++i) strides[i] = impl_->stride(i);
  impl->set_geometry(impl_->sizes(), strides);
  if (grad_enabled()) {
    Node* slices = node.extra_or_null() ? node.extra_or_null()->slices : nullptr;
    if (slices) {
      set_history(out, producer_of_part(*slices));
    } else {
      node.ref();
      set_producer(*impl, &node);
    }
  }
  return out;
}

void fail_graph_freed() {
  fail(
      "Trying to backward through the graph a second time (or directly access saved tensors after they have "
      "already been freed). Saved intermediate values of the graph are freed when you call .backward() or "
      "autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or "
      "if you need to access saved tensors after calling backward.");
}

void SavedTensor::refuse(const Node& node) const {
  std::string shape = cat(impl_->sizes());
  std::string message =
      cat("one of the variables needed for gradient computation has been modified by an inplace operation: "
          "[torch.",
          dtype_scalar_name(impl_->dtype), "Tensor ", shape, "]");
  const Node* producer = mode_ == Mode::Input ? impl_->grad_fn : &node;
  if (mode_ == Mode::Input && impl_->flags & kIsView) {
    try {
      producer = grad_fn(Tensor::share(impl_));
    } catch (const std::exception&) {  // the view has no producer any more: the last one is named
    }
  }
  if (producer) {
    // torch names the producer by its operation: "Exp" for ExpBackward0, "Max1" for MaxBackward1.
    const bool part = mode_ != Mode::Input && node.extra_or_null() && node.extra_or_null()->slices;
    std::string_view name = part ? "AsStridedBackward0" : producer->full_name();
    const uint32_t nr = mode_ == Mode::Input ? impl_->output_nr : 0;
    const size_t cut = name.find("Backward");
    const std::string_view suffix = cut == name.npos ? "" : name.substr(cut + 8);
    name = name.substr(0, cut);
    message += cat(", which is output ", nr, " of ", name, suffix == "0" || suffix == "s" ? "" : suffix, ",");
  }
  if ((impl_->exchanges & kCounted) != exchanges_) {
    message += " got other data by assignment to its .data since.";
  } else {
    message += cat(" is at version ", impl_->storage->version, "; expected version ", version_, " instead.");
  }
  message +=
      " Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
      "torch.autograd.set_detect_anomaly(True, check_nan=False).";
  fail(message);
}

}  // namespace hinoko
