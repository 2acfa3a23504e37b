// Exponential functions of float32: exp exp2 expm1 sinh cosh tanh sigmoid erf.
#pragma once

#include "kernels/math_core.h"

namespace hinoko {
inline namespace HINOKO_ISA {
namespace math {
namespace detail {

inline constexpr double kLog2E = 0x1.71547652b82fep+0;
inline constexpr double kLn2 = 0x1.62e42fefa39efp-1;

// x = n ln(2) + r with |r| <= ln(2)/2; n is exact for |x| < 2^10, and n = 0 leaves r = x.
struct Exponent {
  double sum, r;  // n + kRound
};
inline Exponent split_exponent(double x) {
  const double sum = mul_add(x, kLog2E, kRound);
  return {sum, mul_add(sum - kRound, -kLn2, x)};
}

// (e^r - 1) / r, |r| <= ln(2)/2, with an error of 2^-32
inline double expm1_quotient(double r) {
  return horner(r, 0x1.00000000225c2p+0, 0x1.000000281914fp-1, 0x1.555554c5e0279p-3, 0x1.5554ada508a67p-5,
                0x1.1111a691cb740p-7, 0x1.6d749271437e5p-10, 0x1.a019df15c3e52p-13);
}
// e^x - 1 for |x| < 700 (garbage beyond), with full relative accuracy near 0
inline double expm1_double(double x) {
  const auto [sum, r] = split_exponent(x);
  const double scale = power_of_two(sum);
  return mul_add(scale, r * expm1_quotient(r), scale - 1);
}
// 2^x for |x| < 1000 (garbage beyond)
inline double exp2_double(double x) {
  const double sum = x + kRound;
  const double r = x - (sum - kRound);
  const double quotient =
      horner(r, 0x1.62e42fefd3393p-1, 0x1.ebfbe04532768p-3, 0x1.c6b08cb147e7fp-5, 0x1.3b2a1c32dfd2bp-7,
             0x1.5d88bdc6ee1e4p-10, 0x1.443f6595dad61p-13, 0x1.ffcbd1d7a260ap-17);
  return scaled(mul_add(r, quotient, 1.0), sum);
}

// cosh(x) and sinh(x) from those of r, which are polynomials in r^2: no cancellation, no division.
struct Hyperbolic {
  double cosh, sinh;
};
inline Hyperbolic hyperbolic(double x) {
  const auto [sum, r] = split_exponent(x);
  const uint64_t n = bits(sum) << 52;
  const double up = number((uint64_t{1022} << 52) + n), down = number((uint64_t{1022} << 52) - n);
  const double z = r * r;
  const double c =
      mul_add(z, horner(z, 0x1.00000042e5dacp-1, 0x1.5554809e596b8p-5, 0x1.6d9635f12fcacp-10), 1.0);
  const double s =
      r * mul_add(z, horner(z, 0x1.5555557387d4dp-3, 0x1.1110b1c36376cp-7, 0x1.a16ff1ef40676p-13), 1.0);
  const double plus = up + down, minus = up - down;
  return {mul_add(plus, c, minus * s), mul_add(plus, s, minus * c)};
}

// ---- in float32 ----
// x = n ln(2) + r + e, n exact; r and e do not overlap.
struct ShortExponent {
  float sum, r, e;  // n + kShortRound
};
inline constexpr float kShortRound = 0x1.8p23f;
inline ShortExponent split_short(float x) {
  const float sum = mul_add(x, 0x1.715476p+0f, kShortRound);
  const float n = sum - kShortRound;
  const float r0 = mul_add(n, -0x1.62e430p-1f, x);  // exact
  const float r = mul_add(n, 0x1.05c610p-29f, r0);
  return {sum, r, mul_add(n, 0x1.05c610p-29f, r0 - r)};
}

// x = n + f, f ln(2) = r + e. (The addition keeps denormals out of what follows.)
inline ShortExponent split_short_base_2(float x) {
  const float sum = x + kShortRound;
  const float f = (x - (sum - kShortRound)) + 0x1p-60f;
  const float r = f * 0x1.62e430p-1f;
  return {sum, r, mul_add(f, -0x1.05c610p-29f, mul_add(f, 0x1.62e430p-1f, -r))};
}

// high + low, unrounded
struct Pair {
  float high, low;
};
// (e^r - 1 - r) / r^2, |r| <= ln(2)/2, with an error of 2^-34 of e^r. In pairs, as their sums do not wait for
// each other.
inline float exp_rest(float r, float r2) {
  const float low = mul_add(r, 0x1.555554p-3f, 0.5f);
  const float middle = mul_add(r, 0x1.111270p-7f, 0x1.55548ep-5f);
  const float high = mul_add(r, 0x1.9f0890p-13f, 0x1.6d8d08p-10f);
  return mul_add(r2, mul_add(r2, high, middle), low);
}
// e^(r + e) as 1 + r + (r^2 P(r) + e)
inline Pair exp_short(float r, float e) {
  const float high = 1.0f + r, r2 = r * r;
  return {high, mul_add(r2, exp_rest(r, r2), (r - (high - 1.0f)) + e)};
}
inline float scaled(float x, float sum) { return number(bits(x) + (bits(sum) << 23)); }

// y 2^n, which may be normal, denormal, 0 (x < lowest) or infinite (x > highest); nan for nan
inline float scaled_anywhere(float y, float sum, float x, float small, float lowest, float highest) {
  const bool is_small = x < small;
  const float up = number(bits(scaled(y, sum)) + (is_small ? uint32_t{64} << 23 : 0u));
  const float result = up * (is_small ? 0x1p-64f : 1.0f);
  const float upper = x <= highest ? result : x + kInf;
  return x < lowest ? 0.0f : upper;
}

}  // namespace detail

// |x| up to which results are normal numbers, so that scaling is an addition to the exponent
inline constexpr float kModerateExp = 87.0f;
inline constexpr float kModerateExp2 = 125.0f;

inline float exp(Moderate x) {
  const auto [sum, r, e] = detail::split_short(x.value);
  const auto [high, low] = detail::exp_short(r, e);
  return detail::scaled(high + low, sum);
}
inline float exp(float x) {
  const auto [sum, r, e] = detail::split_short(x);
  const auto [high, low] = detail::exp_short(r, e);
  return detail::scaled_anywhere(high + low, sum, x, -87.0f, -104.0f, 0x1.62e42ep+6f);
}
inline float exp2(Moderate x) {
  const auto [sum, r, e] = detail::split_short_base_2(x.value);
  const auto [high, low] = detail::exp_short(r, e);
  return detail::scaled(high + low, sum);
}
inline float exp2(float x) {
  const auto [sum, r, e] = detail::split_short_base_2(x);
  const auto [high, low] = detail::exp_short(r, e);
  return detail::scaled_anywhere(high + low, sum, x, -125.0f, -151.0f, 0x1.fffffep+6f);
}
// Up to the first, 1 + 2^n below is exact; below the second results are 1/2; beyond the third 0 and 1.
inline constexpr float kModerateSigmoid = 16.0f, kSmallSigmoid = 0x1p-26f, kSaturatedSigmoid = 104.0f;

inline float sigmoid(Saturated x) { return x.value < 0 ? 0.0f : 1.0f; }
inline float sigmoid(Negligible) { return 0.5f; }
#ifdef __FMA__
// 1 / (1 + e^-x) = u / (u + e^r) = u / ((1 + u) + t), where u is a power of two and t = e^r - 1. The sum and
// the quotient are corrected by what their roundings leave.
namespace detail {
struct Sigmoid {
  uint32_t shift;  // of the exponent: n
  float t;
};
inline Sigmoid sigmoid_parts(float x) {
  const float sum = mul_add(x, -0x1.715476p+0f, kShortRound);
  const float n = sum - kShortRound;
  const float r = mul_add(n, 0x1.05c610p-29f, mul_add(n, -0x1.62e430p-1f, -x));
  const float r2 = r * r;
  return {bits(sum) << 23, mul_add(r2, exp_rest(r, r2), r)};
}
// 1 / (high + rest)
inline float reciprocal(float high, float rest) {
  const float q = 1.0f / high;
  return mul_add(q, mul_add(-q, rest, mul_add(-q, high, 1.0f)), q);
}
}  // namespace detail
inline float sigmoid(Moderate x) {
  const auto [shift, t] = detail::sigmoid_parts(x.value);
  const float w = 1.0f + detail::number(detail::bits(1.0f) - shift);
  const float whole = w + t;
  const float y = detail::reciprocal(whole, t - (whole - w));
  return detail::number(detail::bits(y) - shift);
}
inline float sigmoid(float x) {
  // Beyond these bounds results are 0 and 1.
  const float below = x > 17.5f ? 17.5f : x;
  const auto [shift, t] = detail::sigmoid_parts(below < -104.0f ? -104.0f : below);
  const float scaled_u = detail::number(detail::bits(0x1p32f) - shift);  // normal where u is denormal
  const float u = scaled_u * 0x1p-32f;
  const float w = 1.0f + u, part = w - 1.0f;
  const float lost = (1.0f - (w - part)) + (u - part);
  const float whole = w + t;
  const float y = detail::reciprocal(whole, (t - (whole - w)) + lost);
  return y * scaled_u * 0x1p-32f;
}
#else
inline float sigmoid(float x) {
  const auto [sum, r] = detail::split_exponent(-static_cast<double>(x));
  const double e = detail::scaled(detail::mul_add(r, detail::expm1_quotient(r), 1.0), sum);
  const float y = static_cast<float>(1 / (1 + e));
  const float upper = x > 60.0f ? 1.0f : y;
  return x < -110.0f ? 0.0f : upper;
}
inline float sigmoid(Moderate x) { return sigmoid(x.value); }
#endif
inline float expm1(float x) {
  const float y = static_cast<float>(detail::expm1_double(x));
  const float upper = x > 89.0f ? detail::kInf : y;
  return detail::with_sign_of(x < -30.0f ? -1.0f : upper, x);
}
inline float sinh(float x) {
  const float y = static_cast<float>(detail::hyperbolic(x).sinh);
  return detail::with_sign_of(std::fabs(x) > 100.0f ? detail::kInf : y, x);
}
inline float cosh(float x) {
  const float y = static_cast<float>(detail::hyperbolic(x).cosh);
  return std::fabs(x) > 100.0f ? detail::kInf : y;
}
inline float tanh(float x) {
  const float a = std::fabs(x);
  const double e = detail::expm1_double(-2 * static_cast<double>(a));
  const float y = static_cast<float>(e / (e + 2));
  return detail::with_sign_of(a > 10.0f ? 1.0f : y, x);
}
// erf(x) = 1 - e^(-x P(x)) for x >= 0, P with an error that leaves 2^-31 in the result
inline float erf(float x) {
  const float size = std::fabs(x);
  const double a = size;
  const double p = detail::horner(a, 0x1.20dd750227a65p+0, 0x1.45f308f2f4e6bp-1, 0x1.a4f37ea73d174p-4,
                                  -0x1.39396ca2aa414p-6, -0x1.095a89a036afbp-12, 0x1.d7b097f9e5f2dp-10,
                                  -0x1.8455314927af8p-11, 0x1.5f3bb31d8e0d6p-13, -0x1.6645686636464p-16,
                                  0x1.40531d5a1826bp-20);
  const float y = static_cast<float>(detail::expm1_double(-a * p));
  return detail::with_sign_of(size > 3.93f ? 1.0f : y, x);
}

}  // namespace math
}  // namespace HINOKO_ISA
}  // namespace hinoko
