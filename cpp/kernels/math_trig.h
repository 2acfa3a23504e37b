// Trigonometric functions of float32: sin cos tan asin acos atan.
#pragma once

#include "kernels/math_core.h"

namespace hinoko {
inline namespace HINOKO_ISA {
namespace math {

// |x| up to which multiples of pi are subtracted directly
inline constexpr float kModerateAngle = 0x1p22f;

namespace detail {

// ---- reduction ----
// x = n u + r, |r| <= u/2 (a little more where n is rounded the other way), u = pi or pi/2.
struct Reduced {
  double sum, r;  // n + kRound: the lowest bit says whether n is odd
};

inline constexpr double kHalfTurn = 0x1.921fb54442d18p+1;
inline constexpr double kQuarterTurn = 0x1.921fb54442d18p+0;

// u in pieces. With fused multiply-add two pieces of 53 bits do; without, products with n < 2^22 must be
// exact.
struct Unit {
  double whole, inverse, first, second, third;
};
#ifdef __FMA__
inline constexpr Unit kPi = {kHalfTurn, 0x1.45f306dc9c883p-2, 0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53, 0};
inline constexpr Unit kHalfPi = {kQuarterTurn, 0x1.45f306dc9c883p-1, 0x1.921fb54442d18p+0,
                                 0x1.1a62633145c07p-54, 0};
#else
inline constexpr Unit kPi = {kHalfTurn, 0x1.45f306dc9c883p-2, 0x1.921fb54p+1, 0x1.10b46118p-29,
                             0x1.313198a2e037p-60};
inline constexpr Unit kHalfPi = {kQuarterTurn, 0x1.45f306dc9c883p-1, 0x1.921fb54p+0, 0x1.10b46118p-30,
                                 0x1.313198a2e037p-61};
#endif

// x = (n + shift) u + r
inline Reduced reduce_moderate(double x, const Unit& u, double shift) {
  const double sum = mul_add(x, u.inverse, -shift) + kRound;
  const double n = (sum - kRound) + shift;
#ifdef __FMA__
  return {sum, std::fma(n, -u.second, std::fma(n, -u.first, x))};
#else
  return {sum, ((x - n * u.first) - n * u.second) - n * u.third};
#endif
}

// The other x: write x = 2^e X with 2^22 <= X < 2^49, e one of 0, 27, 54, 81. As X is a multiple of 1/2, only
// 2^e / u modulo 8 matters, which is kept as the sum of three pieces; the products of X and the first two are
// exact, so that they can be reduced modulo 4 before they are added. (Payne and Hanek's idea.)
struct Pieces {
  double first, second, third;
};
inline constexpr Pieces kInversePi[4] = {
    {0x1.45f307p-2, -0x1.1b1bbe8p-29, -0x1.6b01ec5417056p-56},
    {-0x1.236377ep+1, 0x1.4a7f09cp-28, 0x1.5f47d4d377037p-56},
    {0x1.529fc28p+1, -0x1.505c158p-28, -0x1.6447e493ad4cep-56},
    {-0x1.505c158p-1, -0x1.6447e48p-29, -0x1.3ad4cd8778df8p-57},
};
inline constexpr Pieces kInverseHalfPi[4] = {
    {0x1.45f307p-1, -0x1.1b1bbecp-28, 0x1.29fc2757d1f53p-56},
    {0x1.b939106p+1, -0x1.6b01ec4p-28, -0x1.4170565911f92p-56},
    {-0x1.5ac07b2p+1, 0x1.5f47d4cp-28, 0x1.377036d8a5665p-56},
    {-0x1.505c158p+0, -0x1.6447e48p-28, -0x1.3ad4cd8778df8p-56},
};
inline double modulo_four(double x) { return x - 4 * rounded(x * 0.25); }
inline double choose(double a, double c0, double c1, double c2, double c3) {
  const double low = a < 0x1p49 ? c0 : c1;
  const double high = a < 0x1p103 ? c2 : c3;
  return a < 0x1p76 ? low : high;
}
inline Reduced reduce_huge(double x, const Unit& u, const Pieces* c, double shift) {
  const double a = std::fabs(x);
  const double scaled = x * choose(a, 1, 0x1p-27, 0x1p-54, 0x1p-81);
  const double first = modulo_four(scaled * choose(a, c[0].first, c[1].first, c[2].first, c[3].first));
  const double second = modulo_four(scaled * choose(a, c[0].second, c[1].second, c[2].second, c[3].second));
  const double third = scaled * choose(a, c[0].third, c[1].third, c[2].third, c[3].third);
  const double sum = (first + second - shift) + kRound;
  const double n = (sum - kRound) + shift;
  return {sum, (((first - n) + second) + third) * u.whole};
}

inline Reduced reduce(Moderate x, const Unit& u, const Pieces*, double shift) {
  return reduce_moderate(x.value, u, shift);
}
inline Reduced reduce(float x, const Unit& u, const Pieces* c, double shift) {
  const Reduced moderate = reduce_moderate(x, u, shift), huge = reduce_huge(x, u, c, shift);
  const bool is_moderate = std::fabs(static_cast<double>(x)) <= static_cast<double>(kModerateAngle);
  return {is_moderate ? moderate.sum : huge.sum, is_moderate ? moderate.r : huge.r};
}

// ---- polynomials ----
// sin(r), |r| <= pi/2, error 2^-35; with the sign turned if n is odd
inline float sin_of(const Reduced& x) {
  const double z = x.r * x.r;
  const double p = horner(z, -0x1.5555554767d5fp-3, 0x1.11110c4991f90p-7, -0x1.a017d97a48a56p-13,
                          0x1.71707b0fe0728p-19, -0x1.9a6810cfaab6fp-26);
  return static_cast<float>(number(bits(x.r * mul_add(z, p, 1.0)) ^ (bits(x.sum) << 63)));
}

template <class X>
inline float sin_any(X x) {
  return sin_of(reduce(x, kPi, kInversePi, 0));
}
template <class X>
inline float cos_any(X x) {
  // cos((n + 1/2) pi + r) = (-1)^n sin(-r)
  const Reduced y = reduce(x, kPi, kInversePi, 0.5);
  return sin_of({y.sum, -y.r});
}
template <class X>
inline float tan_any(X x) {
  const Reduced y = reduce(x, kHalfPi, kInverseHalfPi, 0);
  const double z = y.r * y.r;
  const double s = y.r * mul_add(z,
                                 horner(z, -0x1.5555554c70884p-3, 0x1.1111086979418p-7,
                                        -0x1.a00f7e73d23c8p-13, 0x1.6cd1c8ad635abp-19),
                                 1.0);
  const double c = mul_add(
      z,
      horner(z, -0x1.ffffffcb803d2p-2, 0x1.55553c774ae5ep-5, -0x1.6c07f0d4acd7ep-10, 0x1.99167a71e75c0p-16),
      1.0);
  const double odd = number(bits(y.sum) << 63);
  return static_cast<float>(if_negative(odd, -c, s) / if_negative(odd, s, c));
}

// asin(t), 0 <= t <= 1/2, given z = t^2; error 2^-35.8
inline double asin_short(double t, double z) {
  const double p =
      horner(z, 0x1.55555606664adp-3, 0x1.3332a99e60c41p-4, 0x1.6ddad705a5352p-5, 0x1.ed5abfe5aad26p-6,
             0x1.932edd20a4400p-6, 0x1.eb620b2864b97p-8, 0x1.1bf0ae55a6b92p-5);
  return mul_add(t * z, p, t);
}

}  // namespace detail

inline float sin(float x) { return detail::sin_any(x); }
inline float sin(Moderate x) { return detail::sin_any(x); }
inline float cos(float x) { return detail::cos_any(x); }
inline float cos(Moderate x) { return detail::cos_any(x); }
inline float tan(float x) { return detail::tan_any(x); }
inline float tan(Moderate x) { return detail::tan_any(x); }

// Above 1/2: asin(a) = pi/2 - 2 asin(sqrt((1 - a) / 2)).
inline float asin(float x) {
  const double a = std::fabs(static_cast<double>(x));
  const double big = 0.5 - a;  // negative
  const double z = detail::if_negative(big, (1 - a) * 0.5, a * a);
  const double p = detail::asin_short(std::sqrt(z), z);
  return detail::with_sign_of(static_cast<float>(detail::if_negative(big, detail::kQuarterTurn - 2 * p, p)),
                              x);
}
inline float acos(float x) {
  const double wide = x, a = std::fabs(wide);
  const double big = 0.5 - a;  // negative
  const double z = detail::if_negative(big, (1 - a) * 0.5, a * a);
  const double p = detail::asin_short(std::sqrt(z), z);
  const double far = detail::if_negative(wide, detail::kHalfTurn - 2 * p, 2 * p);
  const double near = detail::kQuarterTurn - detail::if_negative(wide, -p, p);
  return static_cast<float>(detail::if_negative(big, far, near));
}

// Above 1: atan(a) = pi/2 - atan(1 / a).
inline float atan(float x) {
  // min(a, 1) / max(a, 1); as integers, so that nan is the maximum
  const int32_t a = static_cast<int32_t>(detail::bits(std::fabs(x))), one = 0x3f800000;
  const double upper = detail::number(static_cast<uint32_t>(a < one ? a : one));
  const double lower = detail::number(static_cast<uint32_t>(a < one ? one : a));
  const double t = upper / lower;
  const double z = t * t;
  const double p = detail::horner(z, -0x1.55555487414bcp-2, 0x1.999937f2a3c52p-3, -0x1.248a2cb11ca35p-3,
                                  0x1.c66e4ccca11aap-4, -0x1.700b24698874cp-4, 0x1.2958ad24dd6b7p-4,
                                  -0x1.be9813381f203p-5, 0x1.1a6ce9b92bc45p-5, -0x1.0b0c7d52e601fp-6,
                                  0x1.42d9ee688254fp-8, -0x1.6ded50d1fca9ep-11);
  const double y = detail::mul_add(t * z, p, t);
  return detail::with_sign_of(static_cast<float>(detail::if_negative(1 - lower, detail::kQuarterTurn - y, y)),
                              x);
}

}  // namespace math
}  // namespace HINOKO_ISA
}  // namespace hinoko
