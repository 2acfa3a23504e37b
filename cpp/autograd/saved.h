// SavedTensor: an input or output that a derivative reads.
//
// Note [What a saved tensor keeps]
// Of a tensor with bytes of its own it keeps data and shape, not the links to the graph, and takes the
// history from the edge of its node when it is unpacked. So an operation in place, whose node may lead to one
// that saved the tensor, makes no cycle, and neither does a node that keeps its own output. Views and leaves
// are kept as they are. In-place changes are noticed by the storage's version.
//
// A graph of scalars would mostly consist of the tensors between its operations, of which nothing but the
// number is needed once the program has let go of them. So a scalar tensor knows the first SavedTensor that
// keeps it (kKept), and when nothing else is left its number moves there and its block is freed
// (keep_number_only). The first that asks gets a tensor again.
#pragma once

#include "autograd/node.h"

namespace hinoko {

class SavedTensor {
 public:
  SavedTensor() noexcept = default;
  SavedTensor(const SavedTensor&) = delete;
  SavedTensor& operator=(const SavedTensor&) = delete;
  ~SavedTensor() { reset(); }

  // `edge` is that of `t` in the node that keeps this.
  void save_input(const Tensor& t, uint32_t edge) noexcept {
    if (t->storage == &t->own && (t->grad_fn || !(t->flags & kRequiresGrad))) {
      keep_own(t, edge);
    } else {  // views and leaves
      keep_whole(t);
    }
  }
  // An input without a gradient: a mask, indices.
  void save_constant(const Tensor& t) noexcept { save_input(t, kNone); }
  // A tensor that only this node knows, with its history.
  void save_copy(const Tensor& t) noexcept { keep_whole(t); }
  // `t` is output 0 of the node that keeps this.
  void save_output(const Tensor& t);
  // An input whose storage the node's own operation is about to overwrite: unpacking it is always refused.
  void save_overwritten(const Tensor& t);

  bool defined() const noexcept { return mode_ != Mode::None; }
  void reset() noexcept {
    if (defined()) drop();
  }
  // The tensor as part of the graph. Throws if `node` was freed or the tensor changed since.
  Tensor unpack(Node& node) const;
  // Shape and data only, for kernels. The tensor may be gone but for these: no reference can be taken.
  const TensorImpl& peek(const Node& node) const {
    check(node);
    return *impl_;
  }

 private:
  friend void keep_number_only(TensorImpl& impl) noexcept;
  // Own: a reference to the tensor's own storage, not to the tensor. Whole: a reference to the tensor.
  enum class Mode : uint32_t { None, Number, Own, Whole };
  // Where the history comes from, if not from the edge of this number.
  enum : uint32_t { kItself = 13, kOutput = 14, kNone = 15 };
  static constexpr uint32_t kCounted = (uint32_t{1} << 26) - 1;

  void note(TensorImpl* impl, Mode mode, uint32_t edge) noexcept {
    impl_ = impl;
    version_ = impl->version();
    exchanges_ = impl->exchanges & kCounted;
    mode_ = mode;
    edge_ = edge & 15;
  }
  void keep_own(const Tensor& t, uint32_t edge) noexcept {
    reset();
    TensorImpl& impl = *t;
    impl.own.ref();
    note(&impl, Mode::Own, edge);
    if (is_number(impl) && !(impl.flags & kKept)) impl.set_keeper(this);
  }
  void keep_whole(const Tensor& t) noexcept {
    reset();
    t->ref();
    note(t.get(), Mode::Whole, kItself);
  }
  bool unchanged() const noexcept {
    return impl_->version() == version_ && (impl_->exchanges & kCounted) == exchanges_;
  }
  void check(const Node& node) const {
    if (mode_ < Mode::Own) [[unlikely]]
      restore();
    if (!unchanged()) [[unlikely]]
      refuse(node);
  }
  // Whether nothing but a number is needed of a tensor, as far as that itself is concerned.
  static bool is_number(const TensorImpl& impl) noexcept {
    constexpr uint16_t special = kSpilled | kIsView | kUncounted | kOwnsHandle;
    return impl.numel == 1 && impl.ndim < 2 && !impl.meta && impl.storage == &impl.own &&
           impl.own.kind == Storage::Kind::Inline && !(impl.flags & special);
  }
  Edge history(const Node& node) const;
  void drop() noexcept;
  void restore() const;
  [[noreturn]] void refuse(const Node& node) const;

  // Restoring the tensor does not change what is saved.
  union {
    mutable TensorImpl* impl_ = nullptr;
    mutable char number_[sizeof(TensorImpl::inline_data)];  // with version_ = dtype + 256 ndim + 512 kNumber
  };
  mutable uint32_t version_ = 0;
  mutable uint32_t exchanges_ : 26 = 0;
  uint32_t edge_ : 4 = kNone;
  mutable Mode mode_ : 2 = Mode::None;
};

[[noreturn]] void fail_graph_freed();

}  // namespace hinoko
