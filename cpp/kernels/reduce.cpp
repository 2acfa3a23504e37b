#include "kernels/compiled.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

namespace hinoko::kernels::HINOKO_ISA {

namespace {

template <class T>
T load(const char* p) {
  return *reinterpret_cast<const T*>(p);
}

// ---- sums of floating point: Note [Order of a sum] ----

template <class T>
inline constexpr int kLanes = 32 / static_cast<int>(sizeof(T));

// V is a number or a vector of them; a vector is read from unaligned memory.
template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(32)));
};
template <class V>
void add_from(V& sum, const char* p) {
  V x;
  std::memcpy(&x, p, sizeof x);
  sum += x;
}

constexpr int kLevels = 4;
constexpr int kSideBySide = 4;

// sums[c] = the sum of `count` elements at in + c * column + i * step.
template <class V>
void cascade(V (&sums)[kSideBySide], const char* in, int64_t count, int64_t step, int64_t column) {
  constexpr int C = kSideBySide;
  const int bits = count > 1 ? static_cast<int>(std::bit_width(static_cast<uint64_t>(count - 1))) : 0;
  const int level_bits = std::max(4, bits / kLevels);
  const int64_t chunk = int64_t{1} << level_bits;
  V s0 = {}, s1 = {}, s2 = {}, s3 = {};
  const auto run = [&](int64_t n) {
    for (int64_t i = 0; i < n; ++i, in += step) {
      add_from(s0, in);
      add_from(s1, in + column);
      add_from(s2, in + 2 * column);
      add_from(s3, in + 3 * column);
    }
  };
  if (count < chunk) {
    run(count);
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
    return;
  }
  V levels[kLevels - 1][C] = {};
  int64_t done = 0;
  while (done + chunk <= count) {
    run(chunk);
    done += chunk;
    levels[0][0] += s0, levels[0][1] += s1, levels[0][2] += s2, levels[0][3] += s3;
    s0 = s1 = s2 = s3 = V{};
    for (int level = 1; level < kLevels - 1; ++level) {
      if (done & ((chunk - 1) << (level * level_bits))) break;  // this level is not full
      for (int c = 0; c < C; ++c) {
        levels[level][c] += levels[level - 1][c];
        levels[level - 1][c] = V{};
      }
    }
  }
  run(count - done);
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
  for (const auto& level : levels)
    for (int c = 0; c < C; ++c) sums[c] += level[c];
}

// sum = the sum of `count` elements at in + i * step.
template <class V>
void sum_line(V& sum, const char* in, int64_t count, int64_t step) {
  const int64_t quads = count / kSideBySide;
  V parts[kSideBySide] = {};
  if (quads) cascade(parts, in, quads, step * kSideBySide, step);
  for (int64_t i = quads * kSideBySide; i < count; ++i) add_from(parts[0], in + i * step);
  sum = parts[0];
  for (int c = 1; c < kSideBySide; ++c) sum += parts[c];
}

template <class T>
void add_to(char* out, T sum) {
  *reinterpret_cast<T*>(out) += sum;
}
template <class T, class V>
void add_lanes_to(char* out, int64_t out_stride, const V& sums) {
  T lanes[kLanes<T>];
  std::memcpy(lanes, &sums, sizeof lanes);
  for (int lane = 0; lane < kLanes<T>; ++lane) add_to(out + lane * out_stride, lanes[lane]);
}

template <class T>
void sum_contiguous_rows(const ReduceBlock& b) {
  using V = typename VectorOf<T>::type;
  constexpr int L = kLanes<T>;
  const int64_t vectors = b.rows / L;
  for (int64_t j = 0; j < b.columns; ++j) {
    const char* in = b.in + j * b.column_stride;
    V sum;
    sum_line(sum, in, vectors, sizeof(V));
    T total = 0;
    for (int64_t i = vectors * L; i < b.rows; ++i) total += load<T>(in + i * static_cast<int64_t>(sizeof(T)));
    T lanes[L];
    std::memcpy(lanes, &sum, sizeof lanes);
    for (const T lane : lanes) total += lane;
    add_to(b.out + j * b.out_stride, total);
  }
}

template <class T>
void sum_contiguous_columns(const ReduceBlock& b) {
  using V = typename VectorOf<T>::type;
  constexpr int L = kLanes<T>;
  int64_t j = 0;
  const auto in = [&] { return b.in + j * b.column_stride; };
  const auto out = [&] { return b.out + j * b.out_stride; };
  for (; j + kSideBySide * L <= b.columns; j += kSideBySide * L) {
    V sums[kSideBySide];
    cascade(sums, in(), b.rows, b.row_stride, sizeof(V));
    for (int c = 0; c < kSideBySide; ++c)
      add_lanes_to<T>(out() + c * L * b.out_stride, b.out_stride, sums[c]);
  }
  for (; j + L <= b.columns; j += L) {
    V sum;
    sum_line(sum, in(), b.rows, b.row_stride);
    add_lanes_to<T>(out(), b.out_stride, sum);
  }
  for (; j < b.columns; ++j) {
    T sum;
    sum_line(sum, in(), b.rows, b.row_stride);
    add_to(out(), sum);
  }
}

template <class T>
void sum_strided(const ReduceBlock& b) {
  int64_t j = 0;
  if (b.row_stride >= b.column_stride) {
    for (; j + kSideBySide <= b.columns; j += kSideBySide) {
      T sums[kSideBySide];
      cascade(sums, b.in + j * b.column_stride, b.rows, b.row_stride, b.column_stride);
      for (int c = 0; c < kSideBySide; ++c) add_to(b.out + (j + c) * b.out_stride, sums[c]);
    }
  }
  for (; j < b.columns; ++j) {
    T sum;
    sum_line(sum, b.in + j * b.column_stride, b.rows, b.row_stride);
    add_to(b.out + j * b.out_stride, sum);
  }
}

template <class T>
void sum_real(const ReduceBlock& b) {
  if (b.row_stride == sizeof(T) && b.rows >= kLanes<T>) return sum_contiguous_rows<T>(b);
  if (b.column_stride == sizeof(T) && b.columns >= kLanes<T>) return sum_contiguous_columns<T>(b);
  sum_strided<T>(b);
}

// ---- sums of whole numbers: any order is right, modulo 2^64 ----

template <class T>
void sum_whole(const ReduceBlock& b) {
  if (b.out_stride == sizeof(int64_t) && b.column_stride == sizeof(T) && b.row_stride != sizeof(T)) {
    auto* out = reinterpret_cast<uint64_t*>(b.out);
    for (int64_t i = 0; i < b.rows; ++i) {
      const auto* in = reinterpret_cast<const T*>(b.in + i * b.row_stride);
      for (int64_t j = 0; j < b.columns; ++j) out[j] += static_cast<uint64_t>(in[j]);
    }
    return;
  }
  for (int64_t j = 0; j < b.columns; ++j) {
    const char* in = b.in + j * b.column_stride;
    uint64_t total = 0;
    if (b.row_stride == sizeof(T)) {
      const auto* x = reinterpret_cast<const T*>(in);
      for (int64_t i = 0; i < b.rows; ++i) total += static_cast<uint64_t>(x[i]);
    } else {
      for (int64_t i = 0; i < b.rows; ++i) total += static_cast<uint64_t>(load<T>(in + i * b.row_stride));
    }
    *reinterpret_cast<uint64_t*>(b.out + j * b.out_stride) += total;
  }
}

// ---- extremes ----

template <class T>
struct Larger {
  static bool wins(T x, T best) { return x > best; }
};
template <class T>
struct Smaller {
  static bool wins(T x, T best) { return x < best; }
};

template <class T, template <class> class Order>
void extreme(const ReduceBlock& b) {
  constexpr int64_t L = 32;
  T best = load<T>(b.out);
  bool nan = best != best;
  for (int64_t j = 0; j < b.columns; ++j) {
    const char* in = b.in + j * b.column_stride;
    int64_t i = 0;
    if (b.row_stride == sizeof(T) && b.rows >= L) {
      const auto* x = reinterpret_cast<const T*>(in);
      T lanes[L];
      std::copy(x, x + L, lanes);
      int wrong[L] = {};
      for (; i + L <= b.rows; i += L)
        for (int64_t l = 0; l < L; ++l) {
          lanes[l] = Order<T>::wins(x[i + l], lanes[l]) ? x[i + l] : lanes[l];
          if constexpr (std::is_floating_point_v<T>) wrong[l] |= x[i + l] != x[i + l];
        }
      for (int64_t l = 0; l < L; ++l) {
        nan |= wrong[l] != 0;
        best = Order<T>::wins(lanes[l], best) ? lanes[l] : best;
      }
    }
    for (; i < b.rows; ++i) {
      const T x = load<T>(in + i * b.row_stride);
      nan |= x != x;
      best = Order<T>::wins(x, best) ? x : best;
    }
  }
  if constexpr (std::is_floating_point_v<T>)
    if (nan) best = std::numeric_limits<T>::quiet_NaN();
  *reinterpret_cast<T*>(b.out) = best;
}

template <class T, template <class> class Order>
void extreme_index(const ReduceBlock& b) {
  auto* values = reinterpret_cast<T*>(b.out);
  if (b.column_stride == sizeof(T) && b.columns > 1) {
    for (int64_t j = 0; j < b.columns; ++j) {
      values[j] = load<T>(b.in + j * b.column_stride);
      b.indices[j] = 0;
    }
    for (int64_t i = 1; i < b.rows; ++i) {
      const auto* x = reinterpret_cast<const T*>(b.in + i * b.row_stride);
      for (int64_t j = 0; j < b.columns; ++j) {
        const T best = values[j];
        const bool wins = Order<T>::wins(x[j], best) | ((x[j] != x[j]) & (best == best));
        values[j] = wins ? x[j] : best;
        b.indices[j] = wins ? i : b.indices[j];
      }
    }
    return;
  }
  for (int64_t j = 0; j < b.columns; ++j) {
    const char* in = b.in + j * b.column_stride;
    T best = load<T>(in);
    int64_t at = 0;
    for (int64_t i = 1; i < b.rows && best == best; ++i) {
      const T x = load<T>(in + i * b.row_stride);
      if (Order<T>::wins(x, best) || x != x) best = x, at = i;
    }
    values[j] = best;
    b.indices[j] = at;
  }
}

template <class F>
constexpr ReduceRow for_all(F get) {
  return {
#define X(name, type, ...) get(TypeTag<type>{}),
      HINOKO_DTYPES(X)
#undef X
  };
}

}  // namespace

const ReduceTable reduce = {
    .sum = for_all([]<class T>(TypeTag<T>) -> ReduceLoop {
      if constexpr (std::is_floating_point_v<T>) {
        return sum_real<T>;
      } else {
        return sum_whole<T>;
      }
    }),
    .max = for_all([]<class T>(TypeTag<T>) -> ReduceLoop { return extreme<T, Larger>; }),
    .min = for_all([]<class T>(TypeTag<T>) -> ReduceLoop { return extreme<T, Smaller>; }),
    .max_index = for_all([]<class T>(TypeTag<T>) -> ReduceLoop { return extreme_index<T, Larger>; }),
    .min_index = for_all([]<class T>(TypeTag<T>) -> ReduceLoop { return extreme_index<T, Smaller>; }),
};

}  // namespace hinoko::kernels::HINOKO_ISA
