// SavedTensor: an input or output that a derivative reads. It notices in-place changes by the
// storage's version, and keeps a node's own output without a cycle (Note [One block per small tensor]).
#pragma once

#include "autograd/node.h"

namespace hinoko {

class SavedTensor {
 public:
  SavedTensor() noexcept = default;
  SavedTensor(const SavedTensor&) = delete;
  SavedTensor& operator=(const SavedTensor&) = delete;
  ~SavedTensor() { reset(); }

  void save_input(const Tensor& t) noexcept {
    reset();
    t->ref();
    impl_ = t.get();
    version_ = t->version();
    exchanges_ = t->exchanges & kCounted;
    mode_ = Mode::Input;
  }
  // `t` is output 0 of the node that keeps this.
  void save_output(const Tensor& t);
  // An input whose storage the node's own operation is about to overwrite: unpacking it is always refused, so
  // that only the data is kept. The tensor itself would own the node that keeps it.
  void save_overwritten(const Tensor& t);

  bool defined() const noexcept { return impl_ != nullptr; }
  void reset() noexcept {
    if (impl_) drop();
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
  enum class Mode : uint32_t { Input, Overwritten, OwnOutput, DetachedOutput };
  static constexpr uint32_t kCounted = (uint32_t{1} << 30) - 1;
  void check(const Node& node) const {
    if (!impl_ || impl_->storage->version != version_ || (impl_->exchanges & kCounted) != exchanges_)
        [[unlikely]]
      refuse(node);
  }
  void drop() noexcept;
  Tensor unpack_output(Node& node) const;
  [[noreturn]] void refuse(const Node& node) const;

  TensorImpl* impl_ = nullptr;
  uint32_t version_ = 0;
  uint32_t exchanges_ : 30 = 0;
  Mode mode_ : 2 = Mode::Input;
};

[[noreturn]] void fail_graph_freed();

}  // namespace hinoko
