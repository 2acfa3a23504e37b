// Scalar formulas that the tables' rows are written in, for every element type. The float32 functions are our
// own (math_*.h) and vectorise; float64 has the C library's.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <type_traits>

#include "base/isa.h"
#include "kernels/math_exp.h"
#include "kernels/math_log.h"
#include "kernels/math_pow.h"
#include "kernels/math_trig.h"
#include "tensor/scalar.h"

namespace hinoko {
inline namespace HINOKO_ISA {

// A real constant in a row: takes the type of what it meets.
struct Constant {
  double value;
  constexpr explicit Constant(double v) : value(v) {}
};
template <std::floating_point T>
T operator*(Constant c, T x) {
  return static_cast<T>(c.value) * x;
}

namespace math {

template <class T>
concept Real = std::floating_point<T>;
template <class T>
concept Whole = std::integral<T> && !std::same_as<T, bool>;

#define HINOKO_FROM_LIBRARY(name) \
  inline double name(double x) { return std::name(x); }
HINOKO_FROM_LIBRARY(exp)
HINOKO_FROM_LIBRARY(exp2)
HINOKO_FROM_LIBRARY(expm1)
HINOKO_FROM_LIBRARY(log)
HINOKO_FROM_LIBRARY(log2)
HINOKO_FROM_LIBRARY(log10)
HINOKO_FROM_LIBRARY(log1p)
HINOKO_FROM_LIBRARY(sin)
HINOKO_FROM_LIBRARY(cos)
HINOKO_FROM_LIBRARY(tan)
HINOKO_FROM_LIBRARY(asin)
HINOKO_FROM_LIBRARY(acos)
HINOKO_FROM_LIBRARY(atan)
HINOKO_FROM_LIBRARY(sinh)
HINOKO_FROM_LIBRARY(cosh)
HINOKO_FROM_LIBRARY(tanh)
HINOKO_FROM_LIBRARY(erf)
HINOKO_FROM_LIBRARY(sqrt)
#undef HINOKO_FROM_LIBRARY
inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
inline double rsqrt(double x) { return 1 / std::sqrt(x); }

template <Real T>
T times(T x, Constant c) {
  return x * static_cast<T>(c.value);
}
template <class T>
T square(T x) {
  return x * x;
}
template <class T>
T cube(T x) {
  return x * x * x;
}
template <class T>
T relu(T x) {
  return x < T(0) ? T(0) : x;
}
template <Real T>
T abs(T x) {
  return std::fabs(x);
}
template <Whole T>
T abs(T x) {
  return x < 0 ? static_cast<T>(-static_cast<std::make_unsigned_t<T>>(x)) : x;
}
inline bool abs(bool x) { return x; }
template <Real T>
T negative(T x) {
  return -x;
}
template <Whole T>
T negative(T x) {
  return static_cast<T>(-static_cast<std::make_unsigned_t<T>>(x));
}
inline bool negative(bool x) { return x; }
template <class T>
T sign(T x) {
  return static_cast<T>((x > T(0)) - (x < T(0)));
}
template <Real T>
T zero_of(T) {
  return T(0);
}
template <class T>
bool isnan(T x) {
  return x != x;
}

template <class T>
T where(bool condition, T a, T b) {
  return condition ? a : b;
}

// Integer arithmetic wraps, as the hardware's does; bool + and * are or and and.
template <Real T>
T add(T a, T b) {
  return a + b;
}
template <Whole T>
T add(T a, T b) {
  return static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) + static_cast<std::make_unsigned_t<T>>(b));
}
inline bool add(bool a, bool b) { return a || b; }
template <Real T>
T sub(T a, T b) {
  return a - b;
}
template <Whole T>
T sub(T a, T b) {
  return static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) - static_cast<std::make_unsigned_t<T>>(b));
}
inline bool sub(bool a, bool b) { return a != b; }
template <Real T>
T mul(T a, T b) {
  return a * b;
}
template <Whole T>
T mul(T a, T b) {
  return static_cast<T>(static_cast<uint64_t>(static_cast<int64_t>(a)) *
                        static_cast<uint64_t>(static_cast<int64_t>(b)));
}
inline bool mul(bool a, bool b) { return a && b; }

// Python's // and %: the quotient is rounded down, the remainder has the divisor's sign. A zero integer
// divisor is refused before the loop; the results here are for what must not trap.
template <Real T>
T remainder(T a, T b) {
  T r = std::fmod(a, b);
  if (r != T(0) && (r < T(0)) != (b < T(0))) r += b;
  return r;
}
template <Whole T>
T remainder(T a, T b) {
  if (b == 0 || b == -1) return 0;
  const T r = static_cast<T>(a % b);
  return r != 0 && (r < 0) != (b < 0) ? static_cast<T>(r + b) : r;
}
inline bool remainder(bool, bool) { return false; }
template <Real T>
T floor_divide(T a, T b) {
  if (b == T(0)) return a / b;
  const T r = std::fmod(a, b);
  T quotient = (a - r) / b;
  if (r != T(0) && (r < T(0)) != (b < T(0))) quotient -= T(1);
  if (quotient == T(0)) return std::copysign(T(0), a / b);
  const T floored = std::floor(quotient);
  return quotient - floored > T(0.5) ? floored + T(1) : floored;
}
template <Whole T>
T floor_divide(T a, T b) {
  if (b == 0) return 0;
  if (b == -1) return negative(a);
  const T q = static_cast<T>(a / b);
  return a % b != 0 && (a < 0) != (b < 0) ? static_cast<T>(q - 1) : q;
}
inline bool floor_divide(bool a, bool) { return a; }

inline double pow(double a, double b) { return std::pow(a, b); }
template <Whole T>
T pow(T a, T b) {
  if (b < 0) return a == 1 ? T(1) : a == -1 ? static_cast<T>(b % 2 ? -1 : 1) : T(0);
  T result = 1;
  for (; b; b = static_cast<T>(b >> 1)) {
    if (b & 1) result = mul(result, a);
    a = mul(a, a);
  }
  return result;
}
inline bool pow(bool a, bool b) { return a || !b; }

template <class T>
T maximum(T a, T b) {
  return isnan(a) ? a : isnan(b) || a < b ? b : a;
}
template <class T>
T minimum(T a, T b) {
  return isnan(a) ? a : isnan(b) || b < a ? b : a;
}

template <std::integral T>
T bit_and(T a, T b) {
  return static_cast<T>(a & b);
}
template <std::integral T>
T bit_or(T a, T b) {
  return static_cast<T>(a | b);
}
template <std::integral T>
T bit_xor(T a, T b) {
  return static_cast<T>(a ^ b);
}

// ---- pieces of derivatives ----
template <Real T>
T rounded_quotient(T a, T b) {
  return floor_divide(a, b);
}
template <Real T>
T threshold_backward(T g, T y) {
  return y <= T(0) ? T(0) : g;
}
template <Real T>
T tanh_backward(T g, T y) {
  return g * (1 - y * y);
}
template <Real T>
T sigmoid_backward(T g, T y) {
  return g * (1 - y) * y;
}
// Where a and b tie, both get half.
template <Real T>
T gradient_of_extreme(T g, T a, T b, bool loses) {
  return loses ? T(0) : a == b ? g / 2 : g;
}
// 0 where the condition holds, else x. By bits, as a compiler that sees a branch computes x behind it.
inline float zero_if(bool condition, float x) {
  return detail::number(detail::bits(x) & (condition ? 0u : ~uint32_t{0}));
}
inline double zero_if(bool condition, double x) { return condition ? 0 : x; }
template <Real T>
T pow_gradient_base(T g, T a, T b) {
  return zero_if(b == T(0), g * (b * pow(a, b - 1)));
}
template <Real T>
T pow_gradient_exponent(T g, T a, T b) {
  return g * zero_if((a == T(0)) & (b >= T(0)), pow(a, b) * log(a));
}

}  // namespace math
}  // namespace HINOKO_ISA
}  // namespace hinoko
