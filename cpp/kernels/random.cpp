// Fills draw raw words in blocks and turn each block into values. Where torch's build fuses a
// product and a sum, std::fma does it here; on x86-64 the float loops exist twice, once compiled
// for the FMA instruction, with the same bits.
#include "kernels/random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <random>
#include <type_traits>

#include "base/error.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define HINOKO_FMA_CLONES 1
#include <emmintrin.h>
#endif

#if defined(__GNUC__)
#define HINOKO_INLINE [[gnu::always_inline]] inline
#else
#define HINOKO_INLINE inline
#endif

namespace hinoko {

namespace {

constexpr int kShift = 397;      // MT19937's middle word
constexpr int64_t kDraws = 512;  // words drawn at a time
constexpr int64_t kLanes = 8;    // normals come in blocks of two times this
constexpr uint64_t kMantissa53 = (uint64_t{1} << 53) - 1;

HINOKO_INLINE uint32_t twist(uint32_t high, uint32_t low) {
  const uint32_t mixed = (high & 0x80000000u) | (low & 0x7FFFFFFFu);
  return mixed >> 1 ^ ((0u - (low & 1u)) & 0x9908B0DFu);
}

// Runs f(i) for i < n in whole groups of eight, which the compiler turns into vectors, and a rest.
template <class F>
HINOKO_INLINE void for_eights(int64_t n, F f) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int64_t j = 0; j < 8; ++j) f(i + j);
  }
  for (; i < n; ++i) f(i);
}

// Calls f(first, words, count) for consecutive pieces of n draws of kWordsEach words.
template <int kWordsEach, class F>
HINOKO_INLINE void for_draws(Generator& g, int64_t n, F f) {
  uint32_t words[kDraws];
  constexpr int64_t kPiece = kDraws / kWordsEach;
  for (int64_t first = 0; first < n; first += kPiece) {
    const int64_t count = std::min(n - first, kPiece);
    g.words(words, count * kWordsEach);
    f(first, words, count);
  }
}

HINOKO_INLINE uint64_t word64(const uint32_t* words, int64_t i) {
  return uint64_t{words[2 * i]} << 32 | words[2 * i + 1];
}

// Uniforms of T's resolution in [0, 1).
template <class T>
void draw_unit(Generator& g, T* out, int64_t n) {
  if constexpr (std::is_same_v<T, float>) {
    for_draws<1>(g, n, [out](int64_t first, const uint32_t* words, int64_t count) {
      float* at = out + first;
      // Through int32, for which the conversion is one instruction.
      for_eights(count, [at, words](int64_t i) {
        at[i] = static_cast<float>(static_cast<int32_t>(words[i] & 0xFFFFFF)) * 0x1p-24f;
      });
    });
  } else {
    for_draws<2>(g, n, [out](int64_t first, const uint32_t* words, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        out[first + i] = static_cast<double>(static_cast<int64_t>(word64(words, i) & kMantissa53)) * 0x1p-53;
      }
    });
  }
}

// From [0, 1) to [low, high): fused, and where it rounds up to the excluded end, low.
template <class T>
HINOKO_INLINE void affine_loop(T* x, int64_t n, T low, T high) {
  const T scale = high - low;
  for_eights(n, [=](int64_t i) {
    const T value = std::fma(x[i], scale, low);
    x[i] = value >= high ? low : value;
  });
}

// Natural logarithm by the Cephes polynomial for float; x in [2**-24, 1]. The choice between the
// two halves of the mantissa is made in integers: floating comparisons would keep it scalar.
HINOKO_INLINE float cephes_log(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t mantissa = (bits & 0x007FFFFFu) | 0x3F000000u;  // in [0.5, 1)
  const uint32_t small =
      0u - static_cast<uint32_t>(mantissa < std::bit_cast<uint32_t>(0.707106781186547524f));
  const float e = static_cast<float>(static_cast<int32_t>((bits >> 23) - 126 + small));
  const float m = (std::bit_cast<float>(mantissa) - 1.f) + std::bit_cast<float>(mantissa & small);
  const float square = m * m;
  float y = std::fma(7.0376836292e-2f, m, -1.1514610310e-1f);
  y = std::fma(y, m, 1.1676998740e-1f);
  y = std::fma(y, m, -1.2420140846e-1f);
  y = std::fma(y, m, 1.4249322787e-1f);
  y = std::fma(y, m, -1.6668057665e-1f);
  y = std::fma(y, m, 2.0000714765e-1f);
  y = std::fma(y, m, -2.4999993993e-1f);
  y = std::fma(y, m, 3.3333331174e-1f);
  y = y * m;
  y = std::fma(y, square, e * -2.12194440e-4f);
  y = std::fma(-square, 0.5f, y);
  return std::fma(e, 0.693359375f, m + y);
}

// Sine and cosine by the Cephes polynomials for float; x >= 0.
HINOKO_INLINE void cephes_sincos(float x, float& sine, float& cosine) {
  const int32_t octant = (static_cast<int32_t>(x * 1.27323954473516f) + 1) & ~1;
  const float y = static_cast<float>(octant);
  x = std::fma(y, -0.78515625f, x);
  x = std::fma(y, -2.4187564849853515625e-4f, x);
  x = std::fma(y, -3.77489497744594108e-8f, x);
  const float square = x * x;
  float c = std::fma(2.443315711809948e-5f, square, -1.388731625493765e-3f);
  c = std::fma(c, square, 4.166664568298827e-2f);
  c = c * square;
  c = std::fma(c, square, -(square * 0.5f));
  c = c + 1.f;
  float s = std::fma(-1.9515295891e-4f, square, 8.3321608736e-3f);
  s = std::fma(s, square, -1.6666654611e-1f);
  s = s * square;
  s = std::fma(s, x, x);
  const uint32_t quadrant = static_cast<uint32_t>(octant);
  const uint32_t sine_sign = (quadrant & 4u) << 29;
  const uint32_t cosine_sign = (~(quadrant - 2u) & 4u) << 29;
  const uint32_t keep = (quadrant & 2u) - 2u == 0 ? 0u : ~0u;  // all ones: sine from s, cosine from c
  const uint32_t s_bits = std::bit_cast<uint32_t>(s), c_bits = std::bit_cast<uint32_t>(c);
  sine = std::bit_cast<float>(((s_bits & keep) | (c_bits & ~keep)) ^ sine_sign);
  cosine = std::bit_cast<float>(((c_bits & keep) | (s_bits & ~keep)) ^ cosine_sign);
}

// std::sqrt in a loop stays scalar because of errno.
HINOKO_INLINE void square_roots(float (&x)[kLanes]) {
#ifdef HINOKO_FMA_CLONES
  for (int64_t i = 0; i < kLanes; i += 4) _mm_storeu_ps(x + i, _mm_sqrt_ps(_mm_loadu_ps(x + i)));
#else
  for (int64_t i = 0; i < kLanes; ++i) x[i] = std::sqrt(x[i]);
#endif
}

// Blocks of 16 uniforms become 16 normals: the first eight give the radii, the others the angles.
HINOKO_INLINE void normal_blocks(float* data, int64_t blocks, float mean, float std) {
  constexpr float kTwoPi = static_cast<float>(2. * std::numbers::pi);
  for (; blocks > 0; --blocks, data += 2 * kLanes) {
    float radius[kLanes], scratch[2 * kLanes];
    for (int64_t i = 0; i < kLanes; ++i) radius[i] = -2.f * cephes_log(1.f - data[i]);
    square_roots(radius);
    for (int64_t i = 0; i < kLanes; ++i) {
      float sine, cosine;
      cephes_sincos(kTwoPi * data[kLanes + i], sine, cosine);
      scratch[i] = std::fma(radius[i] * cosine, std, mean);
      scratch[kLanes + i] = std::fma(radius[i] * sine, std, mean);
    }
    for (int64_t i = 0; i < 2 * kLanes; ++i) data[i] = scratch[i];
  }
}

void normal_blocks_portable(float* data, int64_t blocks, float mean, float std) {
  normal_blocks(data, blocks, mean, std);
}
template <class T>
void affine_portable(T* x, int64_t n, T low, T high) {
  affine_loop(x, n, low, high);
}

#ifdef HINOKO_FMA_CLONES
__attribute__((target("avx2,fma"))) void normal_blocks_fma(float* data, int64_t blocks, float mean,
                                                           float std) {
  normal_blocks(data, blocks, mean, std);
}
template <class T>
__attribute__((target("avx2,fma"))) void affine_fma(T* x, int64_t n, T low, T high) {
  affine_loop(x, n, low, high);
}
bool has_fma() {
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return has;
}
#endif

void transform_normal(float* data, int64_t blocks, double mean, double std) {
#ifdef HINOKO_FMA_CLONES
  if (has_fma()) return normal_blocks_fma(data, blocks, static_cast<float>(mean), static_cast<float>(std));
#endif
  normal_blocks_portable(data, blocks, static_cast<float>(mean), static_cast<float>(std));
}

// In double precision the functions are libm's.
void transform_normal(double* data, int64_t blocks, double mean, double std) {
  for (; blocks > 0; --blocks, data += 2 * kLanes) {
    for (int64_t i = 0; i < kLanes; ++i) {
      const double radius = std::sqrt(-2. * std::log(1. - data[i]));
      const double theta = 2. * std::numbers::pi * data[kLanes + i];
      data[i] = std::fma(radius * std::cos(theta), std, mean);
      data[kLanes + i] = std::fma(radius * std::sin(theta), std, mean);
    }
  }
}

template <class T>
void transform_affine(T* x, int64_t n, T low, T high) {
#ifdef HINOKO_FMA_CLONES
  if (has_fma()) return affine_fma(x, n, low, high);
#endif
  affine_portable(x, n, low, high);
}

// Calls store(i, value) for n integers below range, each of one or two words.
template <class Store>
HINOKO_INLINE void draw_below(Generator& g, int64_t n, uint64_t range, Store store) {
  if (range < uint64_t{1} << 28) {
    const uint32_t small = static_cast<uint32_t>(range);
    for_draws<1>(g, n, [&](int64_t first, const uint32_t* words, int64_t count) {
      for (int64_t i = 0; i < count; ++i) store(first + i, uint64_t{words[i] % small});
    });
  } else {
    for_draws<2>(g, n, [&](int64_t first, const uint32_t* words, int64_t count) {
      for (int64_t i = 0; i < count; ++i) store(first + i, word64(words, i) % range);
    });
  }
}

template <class P>
void bernoulli_each(Generator& g, DType dtype, void* out, int64_t n, const P* p) {
  constexpr int64_t kPiece = 256;
  P unit[kPiece];
  for (int64_t first = 0; first < n; first += kPiece) {
    const int64_t count = std::min(n - first, kPiece);
    draw_unit(g, unit, count);
    dispatch(dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      T* at = static_cast<T*>(out) + first;
      for (int64_t i = 0; i < count; ++i) at[i] = static_cast<T>(static_cast<int>(unit[i] < p[first + i]));
    });
  }
}

// The saved state: seed, left, seeded, next, 624 words in 8 bytes each, three doubles of which the
// second is the cached normal, whether it is valid, and the same for a cached float.
constexpr size_t kSeedAt = 0, kLeftAt = 8, kSeededAt = 12, kNextAt = 16, kStateAt = 24, kNormalAt = 5024,
                 kNormalValidAt = 5040, kFloatAt = 5048, kFloatValidAt = 5052;

template <class T>
void put(std::span<uint8_t> bytes, size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}
template <class T>
T take(std::span<const uint8_t> bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

}  // namespace

void Generator::manual_seed(uint64_t seed) {
  uint32_t word = static_cast<uint32_t>(seed);
  state_[0] = word;
  for (uint32_t i = 1; i < kWords; ++i) {
    word = 1812433253u * (word ^ word >> 30) + i;
    state_[i] = word;
  }
  left_ = 1;
  next_ = 0;
  seed_ = seed;
  next_normal_.reset();
  next_float_normal_.reset();
}

uint64_t Generator::seed() {
  std::random_device entropy;
  const uint64_t high = entropy();
  manual_seed(high << 32 | static_cast<uint32_t>(entropy()));
  return seed_;
}

void Generator::refill() {
  uint32_t* s = state_.data();
  // Cut so that the long loops have whole vectors.
  constexpr int kHead = kWords - kShift, kHeadVector = kHead / 4 * 4;
  for (int i = 0; i < kHeadVector; ++i) s[i] = s[i + kShift] ^ twist(s[i], s[i + 1]);
  for (int i = kHeadVector; i < kHead; ++i) s[i] = s[i + kShift] ^ twist(s[i], s[i + 1]);
  for (int i = kHead; i < kWords - 1; ++i) s[i] = s[i - kHead] ^ twist(s[i], s[i + 1]);
  s[kWords - 1] = s[kShift - 1] ^ twist(s[kWords - 1], s[0]);
  left_ = kWords + 1;
  next_ = 0;
}

void Generator::words(uint32_t* out, int64_t n) {
  while (n > 0) {
    if (left_ == 1) refill();
    const int32_t count = static_cast<int32_t>(std::min<int64_t>(n, left_ - 1));
    temper(state_.data() + next_, out, count);
    left_ -= count;
    next_ += static_cast<uint32_t>(count);
    out += count;
    n -= count;
  }
}

void Generator::temper(const uint32_t* __restrict from, uint32_t* __restrict out, int64_t n) {
  for_eights(n, [=](int64_t i) { out[i] = temper(from[i]); });
}

double Generator::normal() {
  if (next_normal_) {
    const double value = *next_normal_;
    next_normal_.reset();
    return value;
  }
  const double u1 = uniform_double();
  const double u2 = uniform_double();
  const double radius = std::sqrt(-2. * std::log1p(-u2));
  const double theta = 2. * std::numbers::pi * u1;
  next_normal_ = radius * std::sin(theta);
  return radius * std::cos(theta);
}

void Generator::get_state(std::span<uint8_t, kStateBytes> out) const {
  std::fill(out.begin(), out.end(), uint8_t{0});
  put(out, kSeedAt, seed_);
  put(out, kLeftAt, left_);
  put(out, kSeededAt, int32_t{1});
  put(out, kNextAt, uint64_t{next_});
  for (size_t i = 0; i < kWords; ++i) put(out, kStateAt + 8 * i, uint64_t{state_[i]});
  put(out, kNormalAt, next_normal_.value_or(0.));
  put(out, kNormalValidAt, int32_t{next_normal_.has_value()});
  put(out, kFloatAt, next_float_normal_.value_or(0.f));
  put(out, kFloatValidAt, uint8_t{next_float_normal_.has_value()});
}

void Generator::set_state(std::span<const uint8_t> in) {
  if (in.size() != kStateBytes) {
    fail("Expected a CPUGeneratorImplState of size ", kStateBytes,
         " but found the input RNG state size to be ", in.size());
  }
  const int32_t left = take<int32_t>(in, kLeftAt);
  const uint64_t next = take<uint64_t>(in, kNextAt);
  // The last condition keeps a forged state from reading past the block.
  if (take<int32_t>(in, kSeededAt) == 0 || left < 1 || left > kWords || next > kWords ||
      next + static_cast<uint64_t>(left) - 1 > kWords) {
    fail("Invalid mt19937 state");
  }
  seed_ = take<uint64_t>(in, kSeedAt);
  left_ = left;
  next_ = static_cast<uint32_t>(next);
  for (size_t i = 0; i < kWords; ++i) {
    state_[i] = static_cast<uint32_t>(take<uint64_t>(in, kStateAt + 8 * i));
  }
  next_normal_.reset();
  next_float_normal_.reset();
  if (take<int32_t>(in, kNormalValidAt)) next_normal_ = take<double>(in, kNormalAt);
  if (take<uint8_t>(in, kFloatValidAt)) next_float_normal_ = take<float>(in, kFloatAt);
}

template <class T>
void fill_uniform(Generator& g, T* out, int64_t n, double from, double to) {
  const T low = static_cast<T>(from), high = static_cast<T>(to);
  draw_unit(g, out, n);
  if (low != 0 || high != 1) transform_affine(out, n, low, high);
}

template <class T>
void fill_normal(Generator& g, T* out, int64_t n, double mean, double std, bool contiguous) {
  constexpr int64_t kBlock = 2 * kLanes;
  if (n < kBlock || !contiguous) {
    for (int64_t i = 0; i < n; ++i) out[i] = static_cast<T>(std::fma(g.normal(), std, mean));
    return;
  }
  draw_unit(g, out, n);
  transform_normal(out, n / kBlock, mean, std);
  if (n % kBlock != 0) {  // the last 16 anew, over some that are done
    draw_unit(g, out + n - kBlock, kBlock);
    transform_normal(out + n - kBlock, 1, mean, std);
  }
}

template <class T>
void fill_exponential(Generator& g, T* out, int64_t n, double lambda) {
  for (int64_t i = 0; i < n; ++i) {
    out[i] = static_cast<T>(-1. / lambda * std::log1p(-g.uniform_double()));
  }
}

void fill_randint(Generator& g, DType dtype, void* out, int64_t n, int64_t from, int64_t to) {
  fill_random_range(g, dtype, out, n, from, static_cast<uint64_t>(to) - static_cast<uint64_t>(from));
}

void fill_random_range(Generator& g, DType dtype, void* out, int64_t n, int64_t base, uint64_t range) {
  dispatch(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* at = static_cast<T*>(out);
    draw_below(g, n, range, [at, base](int64_t i, uint64_t value) {
      at[i] = static_cast<T>(static_cast<int64_t>(value + static_cast<uint64_t>(base)));
    });
  });
}

void fill_random_full(Generator& g, DType dtype, void* out, int64_t n) {
  dispatch(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* at = static_cast<T*>(out);
    for_draws<2>(g, n, [at](int64_t first, const uint32_t* words, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        at[first + i] = static_cast<T>(static_cast<int64_t>(word64(words, i)));
      }
    });
  });
}

void fill_random(Generator& g, DType dtype, void* out, int64_t n) {
  dispatch(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* at = static_cast<T*>(out);
    // Integers up to the largest of T; for floating types up to the last before a gap.
    constexpr uint64_t kRange =
        std::numeric_limits<T>::is_integer
            ? static_cast<uint64_t>(std::numeric_limits<T>::max()) + 1
            : (uint64_t{1} << (std::numeric_limits<T>::is_integer ? 0 : std::numeric_limits<T>::digits)) + 1;
    if constexpr (sizeof(T) == 8) {
      for_draws<2>(g, n, [at](int64_t first, const uint32_t* words, int64_t count) {
        for (int64_t i = 0; i < count; ++i) at[first + i] = static_cast<T>(word64(words, i) % kRange);
      });
    } else {
      for_draws<1>(g, n, [at](int64_t first, const uint32_t* words, int64_t count) {
        for (int64_t i = 0; i < count; ++i) at[first + i] = static_cast<T>(words[i] % kRange);
      });
    }
  });
}

void fill_bernoulli(Generator& g, DType dtype, void* out, int64_t n, double p) {
  // unit < p for unit = k * 2**-53, as an exact comparison of integers.
  const int64_t limit = static_cast<int64_t>(std::ceil(p * 0x1p53));
  dispatch(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* at = static_cast<T*>(out);
    for_draws<2>(g, n, [at, limit](int64_t first, const uint32_t* words, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        const int64_t k = static_cast<int64_t>(word64(words, i) & kMantissa53);
        at[first + i] = static_cast<T>(static_cast<int>(k < limit));
      }
    });
  });
}

void fill_bernoulli(Generator& g, DType dtype, void* out, int64_t n, const float* p) {
  bernoulli_each(g, dtype, out, n, p);
}
void fill_bernoulli(Generator& g, DType dtype, void* out, int64_t n, const double* p) {
  bernoulli_each(g, dtype, out, n, p);
}

void randperm(Generator& g, int64_t* out, int64_t n) {
  // One word per step is enough while n is far below 2**32; the identity is shuffled in place.
  if (n < int64_t{std::numeric_limits<uint32_t>::max()} / 20) {
    for (int64_t i = 0; i < n; ++i) out[i] = i;
    for (int64_t i = 0; i < n - 1; ++i) {
      std::swap(out[i], out[i + g.random() % static_cast<uint32_t>(n - i)]);
    }
    return;
  }
  // Inside out: each new element takes a random place among those before it.
  for (int64_t i = 0; i < n; ++i) {
    const int64_t place = static_cast<int64_t>(g.random64() % static_cast<uint64_t>(i + 1));
    out[i] = out[place];
    out[place] = i;
  }
}

#define HINOKO_INSTANTIATE(T)                                                  \
  template void fill_uniform<T>(Generator&, T*, int64_t, double, double);      \
  template void fill_normal<T>(Generator&, T*, int64_t, double, double, bool); \
  template void fill_exponential<T>(Generator&, T*, int64_t, double);
HINOKO_INSTANTIATE(float)
HINOKO_INSTANTIATE(double)
#undef HINOKO_INSTANTIATE

}  // namespace hinoko
