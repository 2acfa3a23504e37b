// The errors of the float32 functions over all 2^32 arguments. Linked with the very kernels, compiled for
// each instruction set (python -m bench.accuracy does both), compared with the C library's functions of
// double, whose own errors are below 10^-8 of a float32 ulp.
//
//     accuracy FUNCTION [STEP]    every STEP-th argument; prints one line of figures (see main)
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/kernels.h"

namespace hinoko::kernels {
namespace baseline {
extern const LoopRow unary[kUnaryCount], binary[kBinaryCount];
}
namespace avx2 {
extern const LoopRow unary[kUnaryCount], binary[kBinaryCount];
}
namespace avx512 {
extern const LoopRow unary[kUnaryCount], binary[kBinaryCount];
}
}  // namespace hinoko::kernels

namespace {

using namespace hinoko;
using kernels::Loop;

struct Function {
  const char* name;
  UnaryId id;
  double (*reference)(double);
};
#define F(name) {#name, UnaryId::name, [](double x) { return std::name(x); }}
const Function functions[] = {
    F(exp),
    F(exp2),
    F(expm1),
    F(log),
    F(log2),
    F(log10),
    F(log1p),
    F(sin),
    F(cos),
    F(tan),
    F(asin),
    F(acos),
    F(atan),
    F(sinh),
    F(cosh),
    F(tanh),
    F(erf),
    F(sqrt),
    {"sigmoid", UnaryId::sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }},
    {"rsqrt", UnaryId::rsqrt, [](double x) { return 1 / std::sqrt(x); }},
};
#undef F

struct Figures {
  double worst = 0.5, worst_denormal = 0.5;  // ulp, by results
  float at = 0;
  long count = 0, misrounded = 0, wrong = 0;  // wrong: nan, infinities, the sign of zero
  long differ_avx2 = 0, differ_baseline = 0, differ_place = 0;

  void add(float x, float result, double exact) {
    ++count;
    const auto rounded = static_cast<float>(exact);
    if (std::isnan(rounded) || std::isnan(result)) {
      wrong += std::isnan(rounded) != std::isnan(result);
      return;
    }
    if (result == rounded) {  // the nearest number: half an ulp at most
      wrong += std::signbit(result) != std::signbit(rounded);
      return;
    }
    ++misrounded;
    // An infinite result counts as 2^128, the next number if there were one.
    const double value = std::isinf(result) ? std::copysign(0x1p128, result) : result;
    const double target = std::isinf(exact) ? std::copysign(0x1p128, exact) : exact;
    int exponent;
    std::frexp(target, &exponent);
    const bool denormal = exponent < -125;
    const double ulp = std::ldexp(1.0, (denormal ? -125 : exponent > 128 ? 128 : exponent) - 24);
    const double error = std::fabs(value - target) / ulp;
    if (std::isinf(result) != std::isinf(rounded) && error > 1) ++wrong;
    if (denormal) {
      if (error > worst_denormal) worst_denormal = error;
    } else if (error > worst) {
      worst = error;
      at = x;
    }
  }
};

bool same(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}
bool has_avx512() { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"); }

constexpr int64_t kChunk = 1 << 14;

void run(Loop loop, int64_t n, float* out, const float* x) {
  char* p[] = {reinterpret_cast<char*>(out), reinterpret_cast<char*>(const_cast<float*>(x))};
  const int64_t strides[] = {4, 4};
  loop(n, p, strides);
}

Figures unary_figures(const Function& f, uint64_t step) {
  const size_t i = static_cast<size_t>(f.id), dtype = static_cast<size_t>(DType::Float32);
  const Loop base = kernels::baseline::unary[i][dtype], avx2 = kernels::avx2::unary[i][dtype],
             avx512 = kernels::avx512::unary[i][dtype];
  const bool wide = has_avx512();
  const Loop main = wide ? avx512 : avx2;
  Figures figures;
  std::vector<float> x(kChunk), y(kChunk), other(kChunk), mixed(kChunk);
  for (uint64_t begin = 0; begin < uint64_t{1} << 32; begin += kChunk * step) {
    for (int64_t k = 0; k < kChunk; ++k)
      x[k] = std::bit_cast<float>(static_cast<uint32_t>(begin + static_cast<uint64_t>(k) * step));
    run(main, kChunk, y.data(), x.data());
    run(avx2, kChunk, other.data(), x.data());
    for (int64_t k = 0; k < kChunk; ++k) figures.differ_avx2 += !same(y[k], other[k]);
    run(base, kChunk, other.data(), x.data());
    for (int64_t k = 0; k < kChunk; ++k) figures.differ_baseline += !same(y[k], other[k]);
    // At another place, and with neighbours for which a loop may take its longer way.
    mixed = x;
    for (int64_t k = 0; k < kChunk; k += 256) mixed[k] = INFINITY;
    run(main, kChunk - 3, other.data() + 3, mixed.data() + 3);
    for (int64_t k = 3; k < kChunk; ++k) figures.differ_place += k % 256 != 0 && !same(y[k], other[k]);
    for (int64_t k = 0; k < kChunk; ++k) figures.add(x[k], y[k], f.reference(static_cast<double>(x[k])));
  }
  return figures;
}

// Pairs: special values with each other, then random ones whose powers are finite and not 0 for the most
// part.
Figures pow_figures(long count) {
  const size_t i = static_cast<size_t>(BinaryId::pow), dtype = static_cast<size_t>(DType::Float32);
  const Loop base = kernels::baseline::binary[i][dtype], avx2 = kernels::avx2::binary[i][dtype],
             avx512 = kernels::avx512::binary[i][dtype];
  const Loop main = has_avx512() ? avx512 : avx2;
  const float special[] = {0,           -0.0f,      1,          -1,         2,          -2,        3,
                           -3,          0.5f,       -0.5f,      1.5f,       INFINITY,   -INFINITY, NAN,
                           1e-45f,      1e38f,      -1e38f,     16777216.f, 8388607.5f, 1e-40f,    16777215.f,
                           -16777215.f, 1.0000001f, 0.9999999f, -1e-40f,    33554433.f, 4,         1.0f / 3};
  std::vector<float> a, b;
  for (const float s : special)
    for (const float t : special) a.push_back(s), b.push_back(t);
  std::mt19937_64 random(1);
  const auto any = [&] { return std::bit_cast<float>(static_cast<uint32_t>(random())); };
  Figures figures;
  std::vector<float> y, other;
  for (long done = 0; done < count; done += static_cast<long>(a.size())) {
    if (done) a.clear(), b.clear();
    while (static_cast<int64_t>(a.size()) < kChunk) {
      const float base_number = any();
      const double logarithm = std::log2(std::fabs(static_cast<double>(base_number)));
      const double exponent = (static_cast<double>(random() >> 11) * 0x1p-53 * 300 - 155) / logarithm;
      const bool whole = random() % 4 == 0;
      a.push_back(whole || random() % 8 == 0 ? base_number : std::fabs(base_number));
      b.push_back(random() % 64 == 0 ? any() : static_cast<float>(whole ? std::rint(exponent) : exponent));
    }
    y.resize(a.size()), other.resize(a.size());
    const auto go = [&](Loop loop, float* out) {
      char* p[] = {reinterpret_cast<char*>(out), reinterpret_cast<char*>(a.data()),
                   reinterpret_cast<char*>(b.data())};
      const int64_t strides[] = {4, 4, 4};
      loop(static_cast<int64_t>(a.size()), p, strides);
    };
    go(main, y.data());
    go(avx2, other.data());
    for (size_t k = 0; k < y.size(); ++k) figures.differ_avx2 += !same(y[k], other[k]);
    go(base, other.data());
    for (size_t k = 0; k < y.size(); ++k) figures.differ_baseline += !same(y[k], other[k]);
    for (size_t k = 0; k < y.size(); ++k)
      figures.add(a[k], y[k], std::pow(static_cast<double>(a[k]), static_cast<double>(b[k])));
  }
  return figures;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const uint64_t step = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  Figures r;
  if (std::strcmp(argv[1], "pow") == 0) {
    r = pow_figures(static_cast<long>((uint64_t{1} << 30) / step));
  } else {
    const Function* found = nullptr;
    for (const Function& f : functions)
      if (std::strcmp(f.name, argv[1]) == 0) found = &f;
    if (!found) return 2;
    r = unary_figures(*found, step);
  }
  // name, worst (ulp), at, worst among denormal results, arguments, not correctly rounded, wrong special
  // values, other bits on AVX2, on the baseline, at another place
  std::printf("%s %.4f %a %.4f %ld %ld %ld %ld %ld %ld\n", argv[1], r.worst, static_cast<double>(r.at),
              r.worst_denormal, r.count, r.misrounded, r.wrong, r.differ_avx2, r.differ_baseline,
              r.differ_place);
}
