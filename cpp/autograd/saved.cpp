#include "autograd/saved.h"

#include <cstring>

#include "autograd/meta.h"

namespace hinoko {

void SavedTensor::save_output(const Tensor& t) {
  if (t->storage == &t->own) return keep_own(t, kOutput);
  Tensor data = alias(t);
  reset();
  note(data.release(), Mode::Whole, kOutput);
}

void SavedTensor::save_overwritten(const Tensor& t) {
  const uint32_t version = t->version();
  Tensor data = alias(t);  // the tensor itself would own the node that keeps it
  reset();
  note(data.release(), Mode::Whole, kOutput);  // what it has become is named
  version_ = version;
}

void SavedTensor::drop() noexcept {
  const Mode mode = mode_;
  mode_ = Mode::None;
  if (mode == Mode::Number) return;
  TensorImpl* impl = std::exchange(impl_, nullptr);
  if (mode == Mode::Whole) return impl->unref();
  if (impl->flags & kKept && impl->keeper() == this) impl->set_keeper(nullptr);
  impl->own.unref();
}

void keep_number_only(TensorImpl& impl) noexcept {
  SavedTensor& keeper = *impl.keeper();
  if (impl.own.refs != 2 || !SavedTensor::is_number(impl) || !keeper.unchanged()) return;
  keeper.drop();  // the tensor's own reference is left
  std::memcpy(keeper.number_, impl.inline_data, sizeof keeper.number_);
  keeper.version_ = static_cast<uint32_t>(impl.dtype) + 256u * impl.ndim + (impl.flags & kNumber ? 512u : 0u);
  keeper.mode_ = SavedTensor::Mode::Number;
}

void SavedTensor::restore() const {
  if (mode_ == Mode::None) fail_graph_freed();
  TensorImpl* impl = empty_scalar(static_cast<DType>(version_ & 255), version_ >> 8 & 1);
  if (version_ & 512) impl->flags |= kNumber;
  std::memcpy(impl->inline_data, number_, sizeof number_);
  impl->refs = 0;  // as if its last handle had gone
  impl_ = impl;
  version_ = 0;
  exchanges_ = 0;
  mode_ = Mode::Own;
}

Edge SavedTensor::history(const Node& node) const {
  if (edge_ == kNone) return {nullptr, 0};
  if (edge_ == kOutput) return {const_cast<Node*>(&node), 0};
  if (edge_ == kItself) return {impl_->grad_fn, impl_->output_nr};
  return node.edges()[edge_];
}

Tensor SavedTensor::unpack(Node& node) const {
  check(node);
  if (edge_ == kItself) return Tensor::share(impl_);
  const Edge source = history(node);
  if (mode_ == Mode::Own && impl_->refs > 0 && impl_->grad_fn == source.fn &&
      (source.fn || !(impl_->flags & kRequiresGrad)))
    return Tensor::share(impl_);
  // The tensor itself is gone, or no longer what it was: the same data, with the history that it had.
  if (source.fn && source.fn->is_accumulator())
    return Tensor::share(static_cast<AccumulateGrad*>(source.fn)->variable);
  TensorImpl* impl = new_impl();
  Tensor out = Tensor::steal(impl);
  impl->dtype = impl_->dtype;
  impl->flags |= impl_->flags & kNumber;
  impl->storage = impl_->storage;
  impl->storage->ref();
  impl->data = impl_->data;
  Dims strides(impl_->ndim);
  for (int i = 0; i < impl_->ndim; ++i) strides[i] = impl_->stride(i);
  impl->set_geometry(impl_->sizes(), strides);
  if (grad_enabled() && source.fn) {
    Node* slices = edge_ == kOutput && node.extra_or_null() ? node.extra_or_null()->slices : nullptr;
    if (slices) {
      set_history(out, producer_of_part(*slices));
    } else {
      source.fn->ref();
      set_producer(*impl, source.fn, source.nr);
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
  const bool part = edge_ == kOutput && node.extra_or_null() && node.extra_or_null()->slices;
  std::string_view name;
  uint32_t nr = 0;
  if (part) {
    name = "AsStridedBackward0";
  } else if (edge_ != kOutput && mode_ == Mode::Own && impl_->refs == 0 && impl_->handle) {
    name = static_cast<const char*>(impl_->handle);
    nr = impl_->output_nr;
  } else {
    Edge source = history(node);
    if (edge_ != kOutput && impl_->refs > 0) {
      try {
        source = {grad_fn(Tensor::share(impl_)), impl_->output_nr};
      } catch (const std::exception&) {  // a view that has no producer any more: the last one is named
      }
    }
    if (source.fn && !source.fn->is_accumulator()) name = source.fn->full_name();
    nr = source.nr;
  }
  if (!name.empty()) {
    // torch names the producer by its operation: "Exp" for ExpBackward0, "Max1" for MaxBackward1.
    const size_t cut = name.find("Backward");
    const std::string_view suffix = cut == name.npos ? "" : name.substr(cut + 8);
    name = name.substr(0, cut);
    message += cat(", which is output ", nr, " of ", name, suffix == "0" || suffix == "s" ? "" : suffix, ",");
  }
  if ((impl_->exchanges & kCounted) != exchanges_) {
    message += " got other data by assignment to its .data since.";
  } else {
    message += cat(" is at version ", impl_->version(), "; expected version ", version_, " instead.");
  }
  message +=
      " Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
      "torch.autograd.set_detect_anomaly(True, check_nan=False).";
  fail(message);
}

}  // namespace hinoko
