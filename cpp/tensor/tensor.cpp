#include "tensor/tensor.h"

#include <cstring>
#include <limits>
#include <new>

#include "base/blocks.h"

namespace hinoko {

namespace {

constexpr size_t kInlineBytes = sizeof(TensorImpl::inline_data);
constexpr size_t kPooledDataBytes = kPoolMaxBytes;

[[noreturn, gnu::cold]] void out_of_memory(size_t bytes) {
  fail(
      "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried "
      "to allocate ",
      static_cast<unsigned long>(bytes), " bytes. Error code 12 (Cannot allocate memory)");
}

// Sizes beside a size of 0 may be anything.
int64_t wrapping_product(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

size_t geometry_bytes(int ndim) { return sizeof(int64_t) * 2 * static_cast<size_t>(ndim); }

// Gives `impl.own` room for `bytes` bytes.
void allocate(TensorImpl& impl, size_t bytes) {
  Storage& s = impl.own;
  s.bytes = bytes;
  if (bytes <= kInlineBytes) {
    s.kind = Storage::Kind::Inline;
    s.data = impl.inline_data;
  } else if (bytes <= kPooledDataBytes) {
    s.kind = Storage::Kind::Pooled;
    s.data = pool_alloc(bytes);
  } else {
    void* data = block_alloc(bytes);
    if (!data) out_of_memory(bytes);
    s.kind = Storage::Kind::Block;
    s.data = data;
  }
  impl.data = s.data;
}

}  // namespace

void Storage::destroy() noexcept {
  if (kind == Kind::External) {
    auto* external = static_cast<ExternalStorage*>(this);
    external->release(external->owner);
    pool_free(external, sizeof(ExternalStorage));
    return;
  }
  if (kind == Kind::Pooled) pool_free(data, bytes);
  if (kind == Kind::Block) block_free(data, bytes);
  auto* impl = reinterpret_cast<TensorImpl*>(reinterpret_cast<char*>(this) - offsetof(TensorImpl, own));
  impl->release_geometry();
  pool_free(impl, sizeof(TensorImpl));
}

void (*g_release_handle)(void* handle) noexcept = nullptr;

void TensorImpl::dispose() noexcept {
  if (flags & kOwnsHandle) [[unlikely]] {
    // The wrapper owns the tensor again, and lets go of it unless somebody else got hold of the wrapper.
    flags &= static_cast<uint16_t>(~kOwnsHandle);
    refs = 1;
    g_release_handle(handle);
    return;
  }
  if (grad_fn || meta) {
    // Releasing the graph can run code (a hook's destructor) that looks at this tensor.
    ++refs;
    release_graph_links(*this);
    --refs;
  }
  if (storage != &own) std::exchange(storage, &own)->unref();
  if (flags & kKept) keep_number_only(*this);
  own.unref();
}

void TensorImpl::release_geometry() noexcept {
  if (flags & kSpilled) {
    pool_free(spilled, geometry_bytes(ndim));
    flags &= static_cast<uint16_t>(~kSpilled);
  }
}

void TensorImpl::set_geometry(DimSpan sizes, DimSpan strides) {
  if (sizes.size() > 64) fail("too many dimensions: at most 64 are supported, got ", sizes.size());
  const int count = static_cast<int>(sizes.size());
  const bool contiguous = is_contiguous_geometry(sizes, strides);
  const Dims canonical = contiguous_strides(sizes);
  const bool fits = count <= 2 && contiguous && same(canonical, strides);
  int64_t* block = fits ? nullptr : static_cast<int64_t*>(pool_alloc(geometry_bytes(count)));
  int64_t total = 1;
  for (const int64_t s : sizes) total = wrapping_product(total, s);
  if (block) {
    std::copy(sizes.begin(), sizes.end(), block);
    std::copy(strides.begin(), strides.end(), block + count);
  }
  const int64_t first = count > 0 ? sizes[0] : 1, second = count > 1 ? sizes[1] : 1;
  release_geometry();
  ndim = static_cast<uint8_t>(count);
  numel = total;
  flags = static_cast<uint16_t>((flags & ~(kContiguous | kSpilled | kKept)) | (contiguous ? kContiguous : 0));
  if (block) {
    spilled = block;
    flags |= kSpilled;
  } else {
    inline_sizes[0] = first;
    inline_sizes[1] = second;
  }
}

TensorImpl* new_impl() {
  TensorImpl* impl = empty_scalar(DType::Float32, 0);
  impl->own.kind = Storage::Kind::None;
  impl->own.bytes = 0;
  return impl;
}

Dims Tensor::strides() const {
  Dims out(ndim());
  for (int i = 0; i < ndim(); ++i) out[i] = stride(i);
  return out;
}

int64_t count_elements(DimSpan sizes) {
  int64_t total = 1;
  bool overflow = false, zero = false;
  for (const int64_t s : sizes) {
    if (s < 0) fail("Trying to create tensor with negative dimension ", s, ": ", sizes);
    if (s == 0) zero = true;
    overflow |= __builtin_mul_overflow(total, s, &total);
  }
  if (zero) return 0;
  if (overflow) fail("numel: integer multiplication overflow");
  return total;
}

Dims contiguous_strides(DimSpan sizes) {
  Dims out(static_cast<int64_t>(sizes.size()));
  int64_t step = 1;
  for (int64_t i = static_cast<int64_t>(sizes.size()) - 1; i >= 0; --i) {
    out[i] = step;
    // Beside a size of 0 the others may be anything: no step is so large that its bytes overflow.
    if (__builtin_mul_overflow(step, std::max<int64_t>(sizes[static_cast<size_t>(i)], 1), &step))
      step = kMaxStride;
    step = std::min(step, kMaxStride);
  }
  return out;
}

bool is_contiguous_geometry(DimSpan sizes, DimSpan strides) {
  int64_t expected = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    if (sizes[i] == 0) return true;
  }
  for (size_t i = sizes.size(); i-- > 0;) {
    if (sizes[i] == 1) continue;
    if (strides[i] != expected) return false;
    expected *= sizes[i];
  }
  return true;
}

bool is_dense(DimSpan sizes, DimSpan strides) {
  Dims order;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) return true;
    if (sizes[i] != 1) order.push_back(static_cast<int64_t>(i));
  }
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return strides[static_cast<size_t>(a)] < strides[static_cast<size_t>(b)];
  });
  int64_t expected = 1;
  for (const int64_t i : order) {
    if (strides[static_cast<size_t>(i)] != expected) return false;
    expected *= sizes[static_cast<size_t>(i)];
  }
  return true;
}

Tensor empty(DimSpan sizes, DType dtype) {
  if (sizes.size() > 64) fail("too many dimensions: at most 64 are supported, got ", sizes.size());
  int64_t total = 1, bytes = 0;
  bool overflow = false, none = false;
  for (const int64_t s : sizes) {
    if (s < 0) (void)count_elements(sizes);
    none |= s == 0;
    overflow |= __builtin_mul_overflow(total, s, &total);
  }
  if (none) total = 0, overflow = false;
  if (overflow || __builtin_mul_overflow(total, static_cast<int64_t>(item_size(dtype)), &bytes))
    fail("Storage size calculation overflowed with sizes=", sizes);
  TensorImpl* impl = new_impl();
  Tensor out = Tensor::steal(impl);
  impl->dtype = dtype;
  allocate(*impl, static_cast<size_t>(bytes));
  if (sizes.size() <= 2) {
    impl->ndim = static_cast<uint8_t>(sizes.size());
    impl->numel = total;
    impl->inline_sizes[0] = sizes.size() > 0 ? sizes[0] : 1;
    impl->inline_sizes[1] = sizes.size() > 1 ? sizes[1] : 1;
  } else {
    impl->set_geometry(sizes, contiguous_strides(sizes));
  }
  return out;
}

Tensor empty_strided(DimSpan sizes, DimSpan strides, DType dtype) {
  int64_t extent = count_elements(sizes) ? 1 : 0;
  for (const int64_t s : strides)
    if (s > kMaxStride)
      fail("Storage size calculation overflowed with sizes=", sizes, " and strides=", strides);
  if (extent)
    for (size_t i = 0; i < sizes.size(); ++i) {
      int64_t step = 0;
      if (__builtin_mul_overflow(sizes[i] - 1, strides[i], &step) ||
          __builtin_add_overflow(extent, step, &extent))
        fail("Storage size calculation overflowed with sizes=", sizes, " and strides=", strides);
    }
  int64_t bytes = 0;
  if (__builtin_mul_overflow(extent, static_cast<int64_t>(item_size(dtype)), &bytes))
    fail("Storage size calculation overflowed with sizes=", sizes, " and strides=", strides);
  TensorImpl* impl = new_impl();
  Tensor out = Tensor::steal(impl);
  impl->dtype = dtype;
  allocate(*impl, static_cast<size_t>(bytes));
  impl->set_geometry(sizes, strides);
  return out;
}

Tensor alias(const Tensor& source, DimSpan sizes, DimSpan strides, void* data) {
  TensorImpl* impl = new_impl();
  Tensor out = Tensor::steal(impl);
  impl->dtype = source.dtype();
  impl->storage = source->storage;
  impl->storage->ref();
  impl->data = data;
  impl->set_geometry(sizes, strides);
  return out;
}

Tensor alias(const Tensor& source) {
  if (!(source->flags & kSpilled)) {
    TensorImpl* impl = new_impl();
    impl->dtype = source.dtype();
    impl->storage = source->storage;
    impl->storage->ref();
    impl->data = source.raw();
    impl->ndim = source->ndim;
    impl->numel = source->numel;
    impl->flags = kContiguous;
    impl->inline_sizes[0] = source->inline_sizes[0];
    impl->inline_sizes[1] = source->inline_sizes[1];
    return Tensor::steal(impl);
  }
  return alias(source, source.sizes(), source.strides(), source.raw());
}

Tensor from_external(void* data, DimSpan sizes, DimSpan strides, DType dtype, void* owner,
                     void (*release)(void*) noexcept) {
  int64_t extent = count_elements(sizes) ? 1 : 0;
  if (extent)
    for (size_t i = 0; i < sizes.size(); ++i) extent += (sizes[i] - 1) * strides[i];
  TensorImpl* impl = new_impl();
  Tensor out = Tensor::steal(impl);
  auto* storage = static_cast<ExternalStorage*>(pool_alloc(sizeof(ExternalStorage)));
  storage->refs = 1;
  storage->version = 0;
  storage->data = data;
  storage->bytes = static_cast<uint64_t>(extent) * item_size(dtype);
  storage->kind = Storage::Kind::External;
  storage->owner = owner;
  storage->release = release;
  impl->dtype = dtype;
  impl->storage = storage;
  impl->data = data;
  impl->set_geometry(sizes, strides);
  return out;
}

void set_data(TensorImpl& target, const Tensor& source) {
  Storage* old = target.storage;
  Storage* fresh = source->storage;
  // Whoever saved this tensor counts on its shape and, for a node's own output, on `own` (dispose).
  if (target.dtype != source.dtype() || !same(target.sizes(), source.sizes()) ||
      (old == &target.own && fresh != old))
    ++target.exchanges;
  fresh->ref();
  target.set_geometry(source.sizes(), source.strides());
  target.dtype = source.dtype();
  target.storage = fresh;
  target.data = source.raw();
  // A target that pointed at its own bytes never held a reference of its own on them.
  if (old != &target.own) old->unref();
  if (fresh == &target.own) fresh->unref();
}

std::string type_name(const Tensor& t) { return cat("torch.", dtype_scalar_name(t.dtype()), "Tensor"); }

}  // namespace hinoko
