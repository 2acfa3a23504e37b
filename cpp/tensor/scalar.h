// Scalar: a number as Python gives it (bool, int or float). It takes part in an operation without
// becoming a tensor, and in type promotion only with its category.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "base/error.h"
#include "tensor/dtype.h"

namespace hinoko {

class Scalar {
 public:
  enum class Kind : uint8_t { Bool, Int, Float };

  constexpr Scalar() : integer_(0), kind_(Kind::Int) {}
  constexpr Scalar(bool v) : integer_(v), kind_(Kind::Bool) {}
  constexpr Scalar(int v) : integer_(v), kind_(Kind::Int) {}
  constexpr Scalar(long v) : integer_(v), kind_(Kind::Int) {}
  constexpr Scalar(long long v) : integer_(v), kind_(Kind::Int) {}
  constexpr Scalar(double v) : real_(v), kind_(Kind::Float) {}

  Kind kind() const { return kind_; }
  bool is_float() const { return kind_ == Kind::Float; }
  bool is_bool() const { return kind_ == Kind::Bool; }
  double to_double() const { return is_float() ? real_ : static_cast<double>(integer_); }
  int64_t to_int() const;  // truncates; saturates like the hardware does
  bool to_bool() const { return is_float() ? real_ != 0 : integer_ != 0; }
  bool equals(double v) const { return to_double() == v; }
  Scalar operator-() const {
    return is_float() ? Scalar(-real_) : Scalar(static_cast<long long>(-static_cast<uint64_t>(integer_)));
  }

  // Throws torch's error if the value is out of the range of dtype `d`.
  void check_fits(DType d) const;
  // The value in dtype `d`, written to `out` (at least 8 bytes).
  void write(DType d, void* out) const;
  static Scalar read(DType d, const void* in);

 private:
  union {
    int64_t integer_;
    double real_;
  };
  Kind kind_;
};

// A C++ conversion that is defined for every value: out-of-range floats wrap as on x86-64.
template <class To, class From>
inline To convert(From v) {
  if constexpr (std::is_same_v<To, bool>) {
    return v != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    const double d = static_cast<double>(v);
    if (!(d >= -9223372036854775808.0 && d < 9223372036854775808.0)) return std::numeric_limits<To>::min();
    if constexpr (sizeof(To) == 4) {
      // cvttss2si gives INT32_MIN for whatever does not fit.
      if (!(d > -2147483649.0 && d < 2147483648.0)) return INT32_MIN;
    }
    return static_cast<To>(static_cast<int64_t>(d));
  } else {
    return static_cast<To>(v);
  }
}

inline int64_t Scalar::to_int() const { return is_float() ? convert<int64_t>(real_) : integer_; }

inline void Scalar::check_fits(DType d) const {
  const auto out_of_range = [](const char* type) {
    fail("value cannot be converted to type ", type, " without overflow");
  };
  const double v = to_double();
  switch (d) {
    case DType::Float32:
      if (std::isfinite(v) && std::fabs(v) > static_cast<double>(std::numeric_limits<float>::max()))
        out_of_range("float");
      return;
    case DType::Int64:
      if (is_float() && !(v >= -9223372036854775808.0 && v <= 9223372036854775808.0)) out_of_range("int64_t");
      return;
    case DType::Int32:
      if (!(v >= -2147483648.0 && v <= 2147483647.0)) out_of_range("int");
      return;
    case DType::Float64:
    case DType::Bool:
      return;
  }
}

inline void Scalar::write(DType d, void* out) const {
  switch (d) {
    case DType::Float32:
      *static_cast<float*>(out) = static_cast<float>(to_double());
      return;
    case DType::Float64:
      *static_cast<double*>(out) = to_double();
      return;
    case DType::Int64:
      *static_cast<int64_t*>(out) = to_int();
      return;
    case DType::Int32:
      *static_cast<int32_t*>(out) = static_cast<int32_t>(to_int());
      return;
    case DType::Bool:
      *static_cast<bool*>(out) = to_bool();
      return;
  }
}

inline Scalar Scalar::read(DType d, const void* in) {
  switch (d) {
    case DType::Float32:
      return Scalar(static_cast<double>(*static_cast<const float*>(in)));
    case DType::Float64:
      return Scalar(*static_cast<const double*>(in));
    case DType::Int64:
      return Scalar(static_cast<long long>(*static_cast<const int64_t*>(in)));
    case DType::Int32:
      return Scalar(*static_cast<const int32_t*>(in));
    case DType::Bool:
      return Scalar(*static_cast<const bool*>(in));
  }
  return Scalar();
}

}  // namespace hinoko
