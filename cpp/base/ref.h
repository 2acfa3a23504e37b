// Ref<T>: an intrusive pointer. T has ref() and unref().
//
// Note [Counts and locks]
// Counts are plain integers: every operation that touches one holds the GIL. Kernels that run
// without it see raw buffers only. A build without a GIL makes RefCount atomic here, in one place.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace hinoko {

#if defined(Py_GIL_DISABLED)
using RefCount = std::atomic<uint32_t>;
#else
using RefCount = uint32_t;
#endif

template <class T>
class Ref {
 public:
  Ref() noexcept = default;
  Ref(std::nullptr_t) noexcept {}
  // Takes a new reference.
  static Ref share(T* object) noexcept {
    if (object) object->ref();
    return steal(object);
  }
  // Takes over a reference that the caller owns.
  static Ref steal(T* object) noexcept {
    Ref out;
    out.object_ = object;
    return out;
  }
  Ref(const Ref& other) noexcept : object_(other.object_) {
    if (object_) object_->ref();
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_) object_->unref();
  }

  T* get() const noexcept { return object_; }
  T* operator->() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  [[nodiscard]] T* release() noexcept { return std::exchange(object_, nullptr); }

 protected:
  T* object_ = nullptr;
};

}  // namespace hinoko
