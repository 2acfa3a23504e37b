// SmallVector: inline room for N trivially copyable elements, heap beyond. Dims is the one for shapes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <type_traits>

#include "base/pool.h"

namespace hinoko {

template <class T, int N>
class SmallVector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  SmallVector() noexcept : data_(inline_) {}
  explicit SmallVector(int64_t count, T value = T()) : SmallVector() { resize(count, value); }
  SmallVector(std::initializer_list<T> values) : SmallVector() { assign(values.begin(), values.end()); }
  SmallVector(std::span<const T> values) : SmallVector() {
    assign(values.data(), values.data() + values.size());
  }
  SmallVector(const SmallVector& other) : SmallVector() { assign(other.begin(), other.end()); }
  SmallVector(SmallVector&& other) noexcept : SmallVector() { take(other); }
  SmallVector& operator=(const SmallVector& other) {
    if (this != &other) assign(other.begin(), other.end());
    return *this;
  }
  SmallVector& operator=(SmallVector&& other) noexcept {
    if (this != &other) {
      free_heap();
      take(other);
    }
    return *this;
  }
  ~SmallVector() { free_heap(); }

  int64_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  T* begin() noexcept { return data_; }
  T* end() noexcept { return data_ + size_; }
  const T* begin() const noexcept { return data_; }
  const T* end() const noexcept { return data_ + size_; }
  T& operator[](int64_t i) noexcept { return data_[i]; }
  const T& operator[](int64_t i) const noexcept { return data_[i]; }
  T& back() noexcept { return data_[size_ - 1]; }
  operator std::span<const T>() const noexcept { return {data_, static_cast<size_t>(size_)}; }
  std::span<const T> span() const noexcept { return *this; }

  void clear() noexcept { size_ = 0; }
  void pop_back() noexcept { --size_; }
  void push_back(T value) {
    reserve(size_ + 1);
    data_[size_++] = value;
  }
  void insert(int64_t at, T value) {
    push_back(value);
    std::rotate(data_ + at, data_ + size_ - 1, data_ + size_);
  }
  void erase(int64_t at) {
    std::copy(data_ + at + 1, data_ + size_, data_ + at);
    --size_;
  }
  void resize(int64_t count, T value = T()) {
    reserve(count);
    for (int64_t i = size_; i < count; ++i) data_[i] = value;
    size_ = count;
  }
  void assign(const T* first, const T* last) {
    const int64_t count = last - first;
    reserve(count);
    if (count) std::memmove(data_, first, static_cast<size_t>(count) * sizeof(T));
    size_ = count;
  }
  void reserve(int64_t count) {
    if (count <= capacity_) return;
    const int64_t capacity = std::max<int64_t>(count, capacity_ * 2);
    T* grown = static_cast<T*>(pool_alloc(static_cast<size_t>(capacity) * sizeof(T)));
    if (size_) std::memcpy(grown, data_, static_cast<size_t>(size_) * sizeof(T));
    free_heap();
    data_ = grown;
    capacity_ = capacity;
  }

 private:
  void free_heap() noexcept {
    if (data_ != inline_) pool_free(data_, static_cast<size_t>(capacity_) * sizeof(T));
    data_ = inline_;
    capacity_ = N;
  }
  void take(SmallVector& other) noexcept {
    size_ = other.size_;
    if (other.data_ == other.inline_) {
      std::memcpy(static_cast<void*>(inline_), static_cast<const void*>(other.inline_), sizeof inline_);
    } else {
      data_ = other.data_;
      capacity_ = other.capacity_;
      other.data_ = other.inline_;
      other.capacity_ = N;
    }
    other.size_ = 0;
  }

  T* data_;
  int64_t size_ = 0;
  int64_t capacity_ = N;
  T inline_[N];
};

using Dims = SmallVector<int64_t, 8>;
using DimSpan = std::span<const int64_t>;

inline bool same(DimSpan a, DimSpan b) noexcept {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

}  // namespace hinoko
