// Logarithms of float32: log log2 log10 log1p.
#pragma once

#include "kernels/math_core.h"

namespace hinoko {
inline namespace HINOKO_ISA {
namespace math {
namespace detail {

// x = 2^k (1 + f), sqrt(1/2) <= 1 + f <= sqrt(2), for finite x > 0; anything finite otherwise.
struct Mantissa {
  float k, f;
};
inline Mantissa split_mantissa(float x) {
  const bool denormal = x < 0x1p-126f;
  const float y = denormal ? x * 0x1p25f : x;
  const uint32_t half = 0x3f3504f3u;  // sqrt(1/2)
  const int32_t k = static_cast<int32_t>(bits(y) - half) >> 23;
  const float f = number(bits(y) - (static_cast<uint32_t>(k) << 23)) - 1.0f;
  return {static_cast<float>(k - (denormal ? 25 : 0)), f};
}

// log(1 + f), relative error 2^-32.5
inline double log1p_short(double f) {
  const double p =
      horner(f, -0x1.0000002c51432p-1, 0x1.5555559540e8cp-2, -0x1.ffff802c72461p-3, 0x1.9999055653d53p-3,
             -0x1.556f09926a48bp-3, 0x1.24bb4486b42fdp-3, -0x1.fbdb6c4a7514bp-4, 0x1.bea3e822ca2f8p-4,
             -0x1.bc64fb9414fc0p-4, 0x1.cfd20d1e69299p-4, -0x1.135383853d62dp-4);
  return mul_add(f * f, p, f);
}

// The logarithm's special values: of 0, of numbers below 0, of inf and nan.
inline float log_or_special(float result, float x) {
  const float upper = x < kInf ? result : x;
  const float lower = x == 0.0f ? -kInf : kNan;
  return x <= 0.0f ? lower : upper;
}

// k ln(2) + log(1 + f) + rest, in float32: what the roundings of the large terms lose is added to the small
// ones. log(1 + f) = f - f^2 / 2 + f^3 P(f), P with an error of 2^-30 of the result
inline float log_short(float k, float f, float rest) {
  const float p = horner(f, 0x1.555548p-2f, -0x1.000006p-2f, 0x1.99a4b6p-3f, -0x1.555c4ep-3f, 0x1.233768p-3f,
                         -0x1.fc220ap-4f, 0x1.e6f06cp-4f, -0x1.de3c12p-4f, 0x1.1457a0p-4f);
  const float half = -0.5f * f;
  const float high = mul_add(half, f, f);
  const float low = mul_add((f * f) * f, p, mul_add(half, f, f - high) + rest);
  const float whole = k * 0x1.62e4p-1f;  // exact
  const float sum = whole + high;
  return sum + ((high - (sum - whole)) + mul_add(k, 0x1.7f7d1cp-20f, low));
}

}  // namespace detail

inline float log(float x) {
  const auto [k, f] = detail::split_mantissa(x);
  return detail::log_or_special(detail::log_short(k, f, 0.0f), x);
}
inline float log2(float x) {
  const auto [k, f] = detail::split_mantissa(x);
  const double y = detail::mul_add(detail::log1p_short(static_cast<double>(f)), 0x1.71547652b82fep+0,
                                   static_cast<double>(k));
  return detail::log_or_special(static_cast<float>(y), x);
}
inline float log10(float x) {
  const auto [k, f] = detail::split_mantissa(x);
  const double y = detail::mul_add(static_cast<double>(k), 0x1.34413509f79ffp-2,
                                   detail::log1p_short(static_cast<double>(f)) * 0x1.bcb7b1526e50ep-2);
  return detail::log_or_special(static_cast<float>(y), x);
}

// 1 + x = u + lost = 2^k (1 + f + rest)
inline float log1p(float x) {
  using namespace detail;
  const float u = 1.0f + x;
  const float x_part = u - 1.0f;
  const float lost = (1.0f - (u - x_part)) + (x - x_part);
  const uint32_t half = 0x3f3504f3u;
  const int32_t k = static_cast<int32_t>(bits(u) - half) >> 23;
  const float f0 = number(bits(u) - (static_cast<uint32_t>(k) << 23)) - 1.0f;
  const float small = lost * number(static_cast<uint32_t>(127 - (k < 126 ? k : 126)) << 23);
  const float f = f0 + small;  // x itself if it is small
  const float rest = (f0 - f) + small;
  const float y = log_short(static_cast<float>(k), f, rest * mul_add(f, f - 1.0f, 1.0f));
  const float upper = x < kInf ? y : x;
  const float lower = x == -1.0f ? -kInf : kNan;
  return x == 0.0f ? x : x <= -1.0f ? lower : upper;
}

}  // namespace math
}  // namespace HINOKO_ISA
}  // namespace hinoko
