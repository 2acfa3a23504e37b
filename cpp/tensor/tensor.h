// Tensor = handle -> TensorImpl (dtype, shape, flags, autograd links) -> Storage (bytes, version).
// Start reading at TensorImpl; views are made by make_view, fresh tensors by empty.
//
// Note [One block per small tensor]
// A TensorImpl carries a Storage (`own`) and room for one element, so that a scalar tensor is one
// pooled block. `own.refs` is the life of the block: the impl holds one reference while anybody holds
// the impl, every view that shares `own` holds one, and a node that saved its own output holds one.
// When the last handle goes (`refs` reaches 0) the impl lets go of its graph links, but shape and data
// stay valid as long as `own.refs` is above 0. So a node can keep its output without a cycle.
#pragma once

#include <cstdint>
#include <span>

#include "base/error.h"
#include "base/pool.h"
#include "base/ref.h"
#include "base/small_vector.h"
#include "tensor/dtype.h"
#include "tensor/scalar.h"

namespace hinoko {

struct TensorImpl;
struct AutogradMeta;  // autograd/meta.h
class Node;           // autograd/node.h
class SavedTensor;    // autograd/saved.h
class Tensor;

// Defined in autograd/: what a dying tensor lets go of.
void release_graph_links(TensorImpl& impl) noexcept;
bool base_requires_grad(const TensorImpl& view) noexcept;
// For a dying tensor with kKept; Note [What a saved tensor keeps] in autograd/saved.h.
void keep_number_only(TensorImpl& impl) noexcept;
// Set by the bindings: lets go of an object that a dying tensor owns (kOwnsHandle).
extern void (*g_release_handle)(void* handle) noexcept;

struct Storage {
  enum class Kind : uint8_t { None, Inline, Pooled, Block, External };

  RefCount refs;
  uint32_t version;  // bumped by every in-place change of any tensor that shares these bytes
  void* data;
  uint64_t bytes : 56;
  Kind kind : 8;

  void ref() noexcept { ++refs; }
  void unref() noexcept {
    if (--refs == 0) destroy();
  }
  bool embedded() const noexcept { return kind != Kind::External; }

 private:
  void destroy() noexcept;
};

// Memory that belongs to somebody else, such as a numpy array.
struct ExternalStorage : Storage {
  void* owner;
  void (*release)(void* owner) noexcept;
};

enum TensorFlag : uint16_t {
  kContiguous = 1,    // row-major without gaps
  kRequiresGrad = 2,  // a leaf that asks for a gradient, or the output of a node
  kSpilled = 4,       // shape and strides live in a pooled block
  kIsView = 8,        // meta->base is the tensor that owns the data
  kKept = 16,         // inline_sizes[1] is the SavedTensor that keeps it; only where ndim < 2
  kUncounted = 32,    // `t.data` and its views: their changes are not counted for those who share the bytes
  kNumber = 64,       // made from a Python number: takes part in promotion as a scalar
  kOwnsHandle = 128,  // keeps its binding's object alive, because that carries the user's attributes
};

struct TensorImpl {
  RefCount refs;
  DType dtype;
  uint8_t ndim;
  uint16_t flags;
  uint32_t output_nr;  // which output of grad_fn this is
  uint32_t
      exchanges;  // how often it got another geometry, or was moved off its own bytes: saved tensors notice
  void* data;     // first element
  Storage* storage;
  int64_t numel;
  Node* grad_fn;       // owned
  AutogradMeta* meta;  // owned; only where a tensor has a gradient, hooks or a base
  // The binding's object for this tensor, not owned. Where a saved tensor is all that is left and it was
  // changed, the name of its last producer (const char*), for the error that this will be.
  void* handle;
  union {
    int64_t inline_sizes[2];
    int64_t* spilled;  // ndim sizes, then ndim strides
  };
  Storage own;
  alignas(8) char inline_data[8];

  void ref() noexcept { ++refs; }
  void unref() noexcept {
    if (--refs == 0) dispose();
  }

  bool is_contiguous() const noexcept { return flags & kContiguous; }
  bool requires_grad() const noexcept {
    // A view follows its base, which may have become part of a graph after the view was made.
    return flags & kRequiresGrad || (flags & kIsView && base_requires_grad(*this));
  }
  // Whether nobody else can see this tensor or its bytes.
  bool is_sole() const noexcept { return refs == 1 && storage == &own && own.refs == 1; }
  DimSpan sizes() const noexcept { return {flags & kSpilled ? spilled : inline_sizes, ndim}; }
  int64_t size(int i) const noexcept { return (flags & kSpilled ? spilled : inline_sizes)[i]; }
  int64_t stride(int i) const noexcept {
    if (flags & kSpilled) return spilled[ndim + i];
    return i == 0 && ndim == 2 ? (inline_sizes[1] > 1 ? inline_sizes[1] : 1) : 1;
  }
  int64_t offset() const noexcept {  // in elements, from the start of the storage
    return (static_cast<const char*>(data) - static_cast<const char*>(storage->data)) /
           static_cast<int64_t>(item_size(dtype));
  }
  // What `.data` gave counts its own changes.
  uint32_t version() const noexcept { return flags & kUncounted ? own.version : storage->version; }
  void bump_version() noexcept { ++(flags & kUncounted ? own : *storage).version; }
  SavedTensor* keeper() const noexcept { return reinterpret_cast<SavedTensor*>(inline_sizes[1]); }
  void set_keeper(SavedTensor* saved) noexcept {
    flags = static_cast<uint16_t>(saved ? flags | kKept : flags & ~kKept);
    inline_sizes[1] = saved ? reinterpret_cast<int64_t>(saved) : 1;
  }
  void set_geometry(DimSpan sizes, DimSpan strides);  // numel, contiguity and storage of the shape

 private:
  friend struct Storage;
  void dispose() noexcept;
  void release_geometry() noexcept;
};
static_assert(sizeof(TensorImpl) == 112);

class Tensor : public Ref<TensorImpl> {
 public:
  Tensor() noexcept = default;
  Tensor(std::nullptr_t) noexcept {}
  Tensor(Ref<TensorImpl> ref) noexcept : Ref<TensorImpl>(std::move(ref)) {}
  static Tensor share(TensorImpl* impl) noexcept { return Ref<TensorImpl>::share(impl); }
  static Tensor steal(TensorImpl* impl) noexcept { return Ref<TensorImpl>::steal(impl); }

  bool defined() const noexcept { return object_ != nullptr; }
  DType dtype() const noexcept { return object_->dtype; }
  int ndim() const noexcept { return object_->ndim; }
  int64_t numel() const noexcept { return object_->numel; }
  DimSpan sizes() const noexcept { return object_->sizes(); }
  int64_t size(int i) const noexcept { return object_->size(i); }
  int64_t stride(int i) const noexcept { return object_->stride(i); }
  Dims strides() const;
  bool is_contiguous() const noexcept { return object_->is_contiguous(); }
  bool requires_grad() const noexcept { return object_->requires_grad(); }
  bool is_leaf() const noexcept { return !object_->grad_fn; }
  bool is_sole() const noexcept { return object_->is_sole(); }
  template <class T>
  T* data() const noexcept {
    return static_cast<T*>(object_->data);
  }
  void* raw() const noexcept { return object_->data; }
  Scalar item() const { return Scalar::read(dtype(), raw()); }  // the only element
};

// A fresh contiguous tensor with undefined contents. Throws torch's error when the size overflows
// or memory is short.
Tensor empty(DimSpan sizes, DType dtype);
Tensor empty_strided(DimSpan sizes, DimSpan strides, DType dtype);  // dense or with gaps, no overlap

TensorImpl* new_impl();  // a block with no data and refs == 1: everything but the shape is set

// One-element tensor of `ndim` 0 or 1: the hot path of scalar operations.
inline TensorImpl* empty_scalar(DType dtype, uint8_t ndim) {
  auto* impl = static_cast<TensorImpl*>(pool_alloc(sizeof(TensorImpl)));
  impl->refs = 1;
  impl->dtype = dtype;
  impl->ndim = ndim;
  impl->flags = kContiguous;
  impl->output_nr = 0;
  impl->exchanges = 0;
  impl->data = impl->inline_data;
  impl->storage = &impl->own;
  impl->numel = 1;
  impl->grad_fn = nullptr;
  impl->meta = nullptr;
  impl->handle = nullptr;
  impl->inline_sizes[0] = 1;
  impl->inline_sizes[1] = 1;
  impl->own.refs = 1;
  impl->own.version = 0;
  impl->own.data = impl->inline_data;
  impl->own.bytes = sizeof(double);
  impl->own.kind = Storage::Kind::Inline;
  return impl;
}

// A tensor over the same storage with another geometry, no autograd links. `data` is its first element.
Tensor alias(const Tensor& source, DimSpan sizes, DimSpan strides, void* data);
Tensor alias(const Tensor& source);
// A tensor over foreign memory; `release(owner)` runs when the last user is gone.
Tensor from_external(void* data, DimSpan sizes, DimSpan strides, DType dtype, void* owner,
                     void (*release)(void*) noexcept);
// Exchanges data, shape and dtype (not the autograd links): for `t.data = u`.
void set_data(TensorImpl& target, const Tensor& source);

inline constexpr int64_t kMaxStride = int64_t{1} << 58;  // in elements; its bytes fit an int64
int64_t count_elements(DimSpan sizes);  // product; throws torch's error on overflow or a negative size
Dims contiguous_strides(DimSpan sizes);
bool is_contiguous_geometry(DimSpan sizes, DimSpan strides);
// Every element has its own place and there are no gaps, in some order of dimensions.
bool is_dense(DimSpan sizes, DimSpan strides);

// "[torch.FloatTensor [3]]"-like pieces of torch's error texts.
std::string type_name(const Tensor& t);  // "torch.FloatTensor"

}  // namespace hinoko
