// Random numbers, bit for bit those of torch's CPU generator: the MT19937 engine, its saved state,
// and the fills over contiguous buffers. How many words a fill draws, and in which order, is part
// of the contract. The reference is torch on x86-64 with AVX2: products and sums that it fuses are
// fused here on every machine.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "tensor/dtype.h"

namespace hinoko {

class Generator {
 public:
  static constexpr uint64_t kDefaultSeed = 67280421310721;
  static constexpr size_t kStateBytes = 5056;  // what get_rng_state() holds

  explicit Generator(uint64_t seed = kDefaultSeed) { manual_seed(seed); }

  void manual_seed(uint64_t seed);  // forgets the cached normal
  uint64_t initial_seed() const noexcept { return seed_; }
  uint64_t seed();  // seeds from the system's entropy and returns that seed

  uint32_t random() {
    if (left_ == 1) refill();
    --left_;
    return temper(state_[next_++]);
  }
  uint64_t random64() {  // the first word is the high one
    const uint64_t high = random();
    return high << 32 | random();
  }
  void words(uint32_t* out, int64_t n);  // the next n of random()

  float uniform_float() { return static_cast<float>(random() & 0xFFFFFF) * 0x1p-24f; }  // [0, 1)
  double uniform_double() { return static_cast<double>(random64() & ((uint64_t{1} << 53) - 1)) * 0x1p-53; }
  // One standard normal. They come in pairs; the second waits in the generator for the next call.
  double normal();

  void get_state(std::span<uint8_t, kStateBytes> out) const;
  void set_state(std::span<const uint8_t> in);  // changes nothing when it refuses

 private:
  static constexpr int kWords = 624;

  static uint32_t temper(uint32_t word) {
    word ^= word >> 11;
    word ^= word << 7 & 0x9D2C5680u;
    word ^= word << 15 & 0xEFC60000u;
    return word ^ word >> 18;
  }
  static void temper(const uint32_t* from, uint32_t* out, int64_t n);
  void refill();

  std::array<uint32_t, kWords> state_;
  int32_t left_;   // words left in the block plus one; kWords + 1 just after a refill
  uint32_t next_;  // where the next word is; 0 with left_ == 1 before the first draw
  uint64_t seed_;
  std::optional<double> next_normal_;
  std::optional<float> next_float_normal_;  // never drawn from; kept because a saved state has it
};

// Tensor.uniform_(from, to). T: float, double.
template <class T>
void fill_uniform(Generator& g, T* out, int64_t n, double from, double to);

// Tensor.normal_(mean, std). Whether the tensor that is filled is contiguous decides the algorithm
// (as does n >= 16); `out` itself is contiguous in either case. T: float, double.
template <class T>
void fill_normal(Generator& g, T* out, int64_t n, double mean, double std, bool contiguous);

// Tensor.exponential_(lambda). T: float, double.
template <class T>
void fill_exponential(Generator& g, T* out, int64_t n, double lambda);

// randint and Tensor.random_(from, to): integers in [from, to), to > from.
void fill_randint(Generator& g, DType dtype, void* out, int64_t n, int64_t from, int64_t to);
// The same for base + [0, range), range > 0, where the end may not fit an int64.
void fill_random_range(Generator& g, DType dtype, void* out, int64_t n, int64_t base, uint64_t range);
// Tensor.random_(-2**63, None): all 64-bit integers.
void fill_random_full(Generator& g, DType dtype, void* out, int64_t n);
// Tensor.random_(): all non-negative integers that the dtype holds exactly.
void fill_random(Generator& g, DType dtype, void* out, int64_t n);

// Tensor.bernoulli_(p): 0 and 1, one probability for all, or one per element.
void fill_bernoulli(Generator& g, DType dtype, void* out, int64_t n, double p);
void fill_bernoulli(Generator& g, DType dtype, void* out, int64_t n, const float* p);
void fill_bernoulli(Generator& g, DType dtype, void* out, int64_t n, const double* p);

void randperm(Generator& g, int64_t* out, int64_t n);

}  // namespace hinoko
