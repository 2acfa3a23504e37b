// Element types. The order of the enum is the order of torch's promotion within a category.
// A new dtype is one more line in HINOKO_DTYPES (and a kernel instantiation that follows from it).
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace hinoko {

//                 enumerator  C++ type  torch's name  alias     FloatTensor-like name
#define HINOKO_DTYPES(X)                         \
  X(Bool, bool, "bool", "bool", "Bool")          \
  X(Int32, int32_t, "int32", "int", "Int")       \
  X(Int64, int64_t, "int64", "long", "Long")     \
  X(Float32, float, "float32", "float", "Float") \
  X(Float64, double, "float64", "double", "Double")

enum class DType : uint8_t {
#define X(name, ...) name,
  HINOKO_DTYPES(X)
#undef X
};

inline constexpr int kNumDTypes = 5;

template <class T>
struct TypeTag {
  using type = T;
};

constexpr size_t item_size(DType d) {
  constexpr uint8_t sizes[] = {
#define X(name, type, ...) sizeof(type),
      HINOKO_DTYPES(X)
#undef X
  };
  return sizes[static_cast<int>(d)];
}
constexpr const char* dtype_name(DType d) {  // "float32"
  constexpr const char* names[] = {
#define X(name, type, text, ...) text,
      HINOKO_DTYPES(X)
#undef X
  };
  return names[static_cast<int>(d)];
}
constexpr const char* dtype_scalar_name(DType d) {  // "Float": torch.FloatTensor, and torch's error texts
  constexpr const char* names[] = {
#define X(name, type, text, alias, scalar) scalar,
      HINOKO_DTYPES(X)
#undef X
  };
  return names[static_cast<int>(d)];
}
constexpr const char* dtype_c_name(DType d) {  // "float", "double", "long": as in torch's error texts
  constexpr const char* names[] = {
#define X(name, type, text, alias, scalar) alias,
      HINOKO_DTYPES(X)
#undef X
  };
  return names[static_cast<int>(d)];
}

// The name of the C++ type, "long int", where torch's error texts give that.
constexpr const char* c_type_name(DType d) { return d == DType::Int64 ? "long int" : dtype_c_name(d); }

constexpr bool is_floating(DType d) { return d >= DType::Float32; }
constexpr bool is_integral(DType d) { return d == DType::Int32 || d == DType::Int64; }  // without bool

template <class T>
struct dtype_of_impl;
#define X(name, type, ...)                      \
  template <>                                   \
  struct dtype_of_impl<type> {                  \
    static constexpr DType value = DType::name; \
  };
HINOKO_DTYPES(X)
#undef X
template <class T>
inline constexpr DType dtype_of = dtype_of_impl<T>::value;

// Calls f(TypeTag<T>{}) with the C++ type of `d`.
template <class F>
decltype(auto) dispatch(DType d, F&& f) {
  switch (d) {
#define X(name, type, ...) \
  case DType::name:        \
    return std::forward<F>(f)(TypeTag<type>{});
    HINOKO_DTYPES(X)
#undef X
  }
  __builtin_unreachable();
}

}  // namespace hinoko
