// Powers and roots of float32: pow sqrt rsqrt.
#pragma once

#include "kernels/math_exp.h"
#include "kernels/math_log.h"

namespace hinoko {
inline namespace HINOKO_ISA {
namespace math {
namespace detail {

// log2(1 + f), relative error 2^-45: 2 atanh(s) / ln(2) with s = f / (2 + f)
inline double log2_accurate(double f) {
  const double s = f / (2 + f);
  const double z = s * s;
  return s * horner(z, 0x1.71547652b8251p+1, 0x1.ec709dc53c311p-1, 0x1.2776c293812fbp-1, 0x1.a61a2e9155e91p-2,
                    0x1.47955fd269790p-2, 0x1.21b0597d18dafp-2);
}

}  // namespace detail

// 2^(y log2 |x|), then C's special cases. The exponent is below 2^8 where the result is finite, so that its
// error of 2^-45 of itself leaves 2^-37.
inline float pow(float x, float y) {
  using namespace detail;
  const float a = std::fabs(x);
  const auto [k, f] = split_mantissa(a);
  const float k_or_special = a < kInf ? k : a;
  const float exponent_of_a = a == 0.0f ? -kInf : k_or_special;
  // Infinite y count as large ones, so that pow(-1, inf) is 1.
  const float limit = if_negative(y, -0x1.fffffep127f, 0x1.fffffep127f);
  const float finite = std::fabs(y) == kInf ? limit : y;
  const double t = finite * (log2_accurate(f) + exponent_of_a);
  const float exponent = static_cast<float>(t);
  const float inside = static_cast<float>(exp2_double(t));
  const float above = exponent > 140.0f ? kInf : inside;
  const float magnitude = exponent < -160.0f ? 0.0f : above;

  // From 2^24 on all numbers are even. Selected by bits, as the compiler moves the conversion into the branch
  // of a condition, which then stays one.
  const uint32_t small =
      static_cast<uint32_t>(static_cast<int32_t>((bits(y) & 0x7fffffffu) - bits(0x1p25f)) >> 31);
  const float limited = number((bits(y) & small) | (bits(0x1p25f) & ~small));
  const int32_t integer = static_cast<int32_t>(limited);
  const uint32_t whole = static_cast<float>(integer) == limited ? ~uint32_t{0} : 0u;
  const uint32_t odd = whole & (static_cast<uint32_t>(integer) << 31);
  const float signed_power = number(bits(magnitude) ^ (odd & bits(x)));
  const uint32_t finite_negative = (x < 0.0f ? ~uint32_t{0} : 0u) & (a < kInf ? ~uint32_t{0} : 0u);
  const uint32_t one = (y == 0.0f ? ~uint32_t{0} : 0u) | (x == 1.0f ? ~uint32_t{0} : 0u);
  const float real = number(bits(signed_power) | (finite_negative & ~whole & 0x7fc00000u));
  return number((bits(real) & ~one) | (one & 0x3f800000u));
}

inline float sqrt(float x) { return std::sqrt(x); }

// One Newton step, with the residual 1 - x y^2 in twice the precision. Where the products would leave the
// normal range, x is first multiplied by a power of 4.
inline float rsqrt(float x) {
  using namespace detail;
  const uint32_t small = static_cast<uint32_t>(static_cast<int32_t>(bits(x) - bits(0x1p-60f)) >> 31);
  const float scaled = x * number(bits(1.0f) + (small & uint32_t{80} << 23));
  const float y = 1.0f / std::sqrt(scaled);
  const float t = scaled * y;
  const float t_low = mul_add(scaled, y, -t);
  const float rest = mul_add(-t, y, 1.0f) - t_low * y;
  const float better = mul_add(0.5f * y, rest, y) * number(bits(1.0f) + (small & uint32_t{40} << 23));
  return (x > 0.0f) & (x < kInf) ? better : y;
}

}  // namespace math
}  // namespace HINOKO_ISA
}  // namespace hinoko
