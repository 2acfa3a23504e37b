// SavedTensor: an input or output that a derivative reads. It notices in-place changes by the
// storage's version, and keeps a node's own output without a cycle (Note [One block per small tensor]).
//
// Note [What is left of a saved scalar]
// A graph of scalars would mostly consist of the tensors between its operations, of which nothing but the
// number is needed once the program has let go of them. So a scalar tensor knows the first SavedTensor that
// keeps it (kKept), and when that is all that holds it, its number moves there and its block is freed
// (keep_number_only). The first that asks gets a tensor again, with the history of the edge it came by.
#pragma once

#include "autograd/node.h"

namespace hinoko {

class SavedTensor {
 public:
  static constexpr uint32_t kNoEdge = 15;

  SavedTensor() noexcept = default;
  SavedTensor(const SavedTensor&) = delete;
  SavedTensor& operator=(const SavedTensor&) = delete;
  ~SavedTensor() { reset(); }

  // `edge` is that of the input in the node that keeps this.
  void save_input(const Tensor& t, uint32_t edge = kNoEdge) noexcept {
    reset();
    t->ref();
    note(t.get(), Mode::Input);
    edge_ = edge & 15;
    if (edge != kNoEdge) link();
  }
  // `t` is output 0 of the node that keeps this.
  void save_output(const Tensor& t);
  // An input whose storage the node's own operation is about to overwrite: unpacking it is always refused, so
  // that only the data is kept. The tensor itself would own the node that keeps it.
  void save_overwritten(const Tensor& t);

  bool defined() const noexcept { return mode_ != Mode::None; }
  void reset() noexcept {
    if (defined()) drop();
  }
  // The tensor as part of the graph. Throws if `node` was freed or the tensor changed since.
  Tensor unpack(Node& node) const {
    check(node);
    if (mode_ == Mode::Input) return Tensor::share(impl_);
    return unpack_output(node);
  }
  // Shape and data only, for kernels: no reference taken.
  const TensorImpl& peek(const Node& node) const {
    check(node);
    return *impl_;
  }

 private:
  friend void keep_number_only(TensorImpl& impl) noexcept;
  enum class Mode : uint32_t {
    None,
    InputNumber,
    OutputNumber,
    Input,
    Overwritten,
    OwnOutput,
    DetachedOutput
  };
  static constexpr uint32_t kCounted = (uint32_t{1} << 25) - 1;

  void note(TensorImpl* impl, Mode mode) noexcept {
    impl_ = impl;
    version_ = impl->version();
    exchanges_ = impl->exchanges & kCounted;
    mode_ = mode;
  }
  bool unchanged() const noexcept {
    return impl_->storage->version == version_ && (impl_->exchanges & kCounted) == exchanges_;
  }
  void check(const Node& node) const {
    if (mode_ < Mode::Input) [[unlikely]]
      restore(node);
    if (!unchanged()) [[unlikely]]
      refuse(node);
  }
  // Whether no more than its number is needed of a tensor, as far as the tensor itself is concerned.
  static bool is_number(const TensorImpl& impl) noexcept {
    constexpr uint16_t special = kSpilled | kIsView | kUncounted | kNumber | kOwnsHandle;
    return impl.numel == 1 && impl.ndim < 2 && !impl.meta && impl.storage == &impl.own &&
           impl.own.kind == Storage::Kind::Inline && !(impl.flags & special);
  }
  void link() noexcept {
    if (is_number(*impl_) && !(impl_->flags & kKept)) impl_->set_keeper(this);
  }
  void drop() noexcept;
  void take_number(Mode mode) noexcept;
  void restore(const Node& node) const;
  Tensor unpack_output(Node& node) const;
  [[noreturn]] void refuse(const Node& node) const;

  // Restoring the tensor does not change what is saved.
  union {
    mutable TensorImpl* impl_ = nullptr;
    mutable char number_[sizeof(TensorImpl::inline_data)];  // with version_ = dtype + 256 ndim
  };
  mutable uint32_t version_ = 0;
  mutable uint32_t exchanges_ : 25 = 0;
  uint32_t edge_ : 4 = kNoEdge;
  mutable Mode mode_ : 3 = Mode::None;
};

// For a tensor with kKept that somebody is about to let go of: see the note.
void keep_number_only(TensorImpl& impl) noexcept;

[[noreturn]] void fail_graph_freed();

}  // namespace hinoko
