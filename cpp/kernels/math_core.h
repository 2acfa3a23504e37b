// What the float32 functions in math_*.h share. They are branch-free: every path is computed and the right
// one selected, so that the compiler vectorises a loop over them, and so that an element's bits do not depend
// on its neighbours or its place. Most evaluate in double: a short polynomial with an error of 2^-31 leaves
// 0.51 ulp after the one rounding to float32, and denormal results, overflow and underflow come right by
// themselves. Coefficients are from tools/minimax.py.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/isa.h"

namespace hinoko {
inline namespace HINOKO_ISA {
namespace math {

// An argument known to be within the range where a function has a shorter way with the same bits. Loops test
// a block of elements at once (kernels/loops.h).
struct Moderate {
  float value;
};

// An argument known to be so large that a result depends on its sign alone.
struct Saturated {
  float value;
};

// An argument known to be so small that the result is that of 0.
struct Negligible {};

namespace detail {

inline constexpr float kInf = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

inline double mul_add(double a, double b, double c) {
#ifdef __FMA__
  return std::fma(a, b, c);
#else
  return a * b + c;
#endif
}

// Without fused multiply-add the product is exact in double, and the result rounded twice: the same number
// but for one case in 2^29.
inline float mul_add(float a, float b, float c) {
#ifdef __FMA__
  return std::fma(a, b, c);
#else
  return static_cast<float>(static_cast<double>(a) * b + c);
#endif
}

// c0 + c1 x + c2 x^2 + ...
template <class T>
inline T horner(T, T c0) {
  return c0;
}
template <class T, class... C>
inline T horner(T x, T c0, C... c) {
  return mul_add(x, horner(x, c...), c0);
}

inline uint64_t bits(double x) { return std::bit_cast<uint64_t>(x); }
inline uint32_t bits(float x) { return std::bit_cast<uint32_t>(x); }
inline double number(uint64_t b) { return std::bit_cast<double>(b); }
inline float number(uint32_t b) { return std::bit_cast<float>(b); }

// Adding this to |x| < 2^51 rounds x to an integer, ties to even, and leaves it in the low bits of the sum.
inline constexpr double kRound = 0x1.8p52;
inline double rounded(double x) { return (x + kRound) - kRound; }

// 2^n and x 2^n, for the n in the low bits of `sum` = n + kRound. Garbage if the result is not a normal
// number (which callers replace), but nan stays nan: its low bits are zero.
inline double power_of_two(double sum) { return number((bits(sum) << 52) + (uint64_t{1023} << 52)); }
inline double scaled(double x, double sum) { return number(bits(x) + (bits(sum) << 52)); }

// a where the sign bit of x is set, else b. By bits, as the compiler makes two paths of some conditions, and
// computes both.
inline float if_negative(float x, float a, float b) {
  const uint32_t mask = static_cast<uint32_t>(static_cast<int32_t>(bits(x)) >> 31);
  return number(bits(b) ^ ((bits(a) ^ bits(b)) & mask));
}
inline double if_negative(double x, double a, double b) {
  const uint64_t mask = 0 - (bits(x) >> 63);
  return number(bits(b) ^ ((bits(a) ^ bits(b)) & mask));
}
inline float with_sign_of(float magnitude, float x) {
  return number((bits(magnitude) & 0x7fffffffu) | (bits(x) & 0x80000000u));
}

}  // namespace detail
}  // namespace math
}  // namespace HINOKO_ISA
}  // namespace hinoko
