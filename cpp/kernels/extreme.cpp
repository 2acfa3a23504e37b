// The larger or smaller of all elements, and where it is along a dimension: nan wins, then the first.
#include <algorithm>
#include <limits>
#include <type_traits>

#include "base/parallel.h"
#include "kernels/compiled.h"
#include "kernels/lanes.h"

namespace hinoko::kernels::HINOKO_ISA {

namespace {

template <class T>
using SameWidthInt =
    std::conditional_t<sizeof(T) == 8, int64_t, std::conditional_t<sizeof(T) == 4, int32_t, int8_t>>;

struct Larger {
  template <class X>
  static auto wins(const X& x, const X& best) {
    return x > best;
  }
  template <class X>
  static auto loses(const X& x, const X& best) {
    return x <= best;
  }
};
struct Smaller {
  template <class X>
  static auto wins(const X& x, const X& best) {
    return x < best;
  }
  template <class X>
  static auto loses(const X& x, const X& best) {
    return x >= best;
  }
};

template <class T>
struct Extreme {
  T best;
  bool nan;  // then `best` is that of the others
};

template <class T, class Order, int kBytes>
inline T fold(const Lanes<T, kBytes>& v) {
  if constexpr (kBytes > 16) {
    Lanes<T, kBytes / 2> low, high;
    std::memcpy(&low, &v, sizeof low);
    std::memcpy(&high, reinterpret_cast<const char*>(&v) + sizeof low, sizeof high);
    low = Order::wins(high, low) ? high : low;
    return fold<T, Order, kBytes / 2>(low);
  } else {
    Lanes<T, 16> best = v;
    const auto meet = [&](const Lanes<T, 16>& other) { best = Order::wins(other, best) ? other : best; };
    using I = Lanes<SameWidthInt<T>, 16>;
    if constexpr (sizeof(T) == 8) {
      meet(__builtin_shuffle(best, I{1, 0}));
    } else if constexpr (sizeof(T) == 4) {
      meet(__builtin_shuffle(best, I{2, 3, 0, 1}));
      meet(__builtin_shuffle(best, I{1, 0, 3, 2}));
    } else {
      T all = best[0];
      for (size_t l = 1; l < 16 / sizeof(T); ++l) all = Order::wins(best[l], all) ? best[l] : all;
      return all;
    }
    return best[0];
  }
}

// Of n > 0 adjacent elements.
template <class T, class Order>
Extreme<T> extreme_of(const T* x, int64_t n) {
  constexpr int64_t kLine = 128 / sizeof(T);
  constexpr int kCount = 128 / kNativeBytes;
  constexpr int64_t W = kLine / kCount;
  Extreme<T> e{x[0], false};
  int64_t i = 0;
  if (n >= kLine) {
    Lanes<T> best[kCount];
    Lanes<SameWidthInt<T>> wrong[kCount];
#pragma GCC unroll 8
    for (int k = 0; k < kCount; ++k) {
      best[k] = lanes_at<T>(x + k * W);
      wrong[k] = best[k] != best[k];
    }
    for (i = kLine; i + kLine <= n; i += kLine) {
#pragma GCC unroll 8
      for (int k = 0; k < kCount; ++k) {
        const Lanes<T> v = lanes_at<T>(x + i + k * W);
        best[k] = Order::wins(v, best[k]) ? v : best[k];
        if constexpr (std::is_floating_point_v<T>) wrong[k] |= v != v;
      }
    }
    // Halves meet, down to one lane: the same way for vectors of any width.
#pragma GCC unroll 4
    for (int half = kCount / 2; half > 0; half /= 2)
#pragma GCC unroll 4
      for (int k = 0; k < half; ++k) {
        best[k] = Order::wins(best[k + half], best[k]) ? best[k + half] : best[k];
        if constexpr (std::is_floating_point_v<T>) wrong[k] |= wrong[k + half];
      }
    e.best = fold<T, Order, kNativeBytes>(best[0]);
    if constexpr (std::is_floating_point_v<T>) e.nan = any(wrong[0]);
  }
  for (; i < n; ++i) {
    e.nan |= x[i] != x[i];
    e.best = Order::wins(x[i], e.best) ? x[i] : e.best;
  }
  return e;
}

// ---- of everything ----

template <class T, class Order>
void extreme(const ReduceBlock& b) {
  constexpr int64_t kBlock = kGrainBytes / 4 / sizeof(T), kWindow = 256;
  Extreme<T> all{load<T>(b.out), false};
  all.nan = all.best != all.best;
  const auto join = [&](const Extreme<T>& e) {
    all.best = Order::wins(e.best, all.best) ? e.best : all.best;
    all.nan |= e.nan;
  };
  for (int64_t j = 0; j < b.columns; ++j) {
    const char* in = b.in + j * b.column_stride;
    if (b.row_stride == sizeof(T)) {
      const auto* x = reinterpret_cast<const T*>(in);
      const int64_t blocks = (b.rows + kBlock - 1) / kBlock;
      Extreme<T> found[kWindow];
      for (int64_t first = 0; first < blocks; first += kWindow) {
        const int64_t n = std::min(kWindow, blocks - first);
        parallel_for(n, 4, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const int64_t at = (first + i) * kBlock;
            found[i] = extreme_of<T, Order>(x + at, std::min(kBlock, b.rows - at));
          }
        });
        for (int64_t i = 0; i < n; ++i) join(found[i]);
      }
      continue;
    }
    int64_t i = 0;
    if (b.rows >= 4) {
      T best[4];
      bool nan[4] = {};
      for (int c = 0; c < 4; ++c) best[c] = load<T>(in + c * b.row_stride);
      for (; i + 4 <= b.rows; i += 4)
        for (int c = 0; c < 4; ++c) {
          const T x = load<T>(in + (i + c) * b.row_stride);
          nan[c] |= x != x;
          best[c] = Order::wins(x, best[c]) ? x : best[c];
        }
      for (int c = 0; c < 4; ++c) join({best[c], nan[c]});
    }
    for (; i < b.rows; ++i) {
      const T x = load<T>(in + i * b.row_stride);
      join({x, x != x});
    }
  }
  if constexpr (std::is_floating_point_v<T>)
    if (all.nan) all.best = std::numeric_limits<T>::quiet_NaN();
  *reinterpret_cast<T*>(b.out) = all.best;
}

// ---- along a dimension ----

template <class T>
int64_t first_equal(const T* x, int64_t n, T wanted) {
  constexpr int64_t W = kNativeBytes / sizeof(T);
  const Lanes<T> all = Lanes<T>{} + wanted;
  // No branch on where it is among 64.
  for (int64_t i = 0;; i += 64) {
    const int64_t count = std::min<int64_t>(n - i, 64);
    uint64_t found = 0;
    int64_t k = 0;
    for (; k + W <= count; k += W) found |= bits(lanes_at<T>(x + i + k) == all) << k;
    for (; k < count; ++k) found |= uint64_t{x[i + k] == wanted} << k;
    if (found || count < 64) return i + __builtin_ctzll(found);
  }
}
template <class T>
int64_t first_nan(const T* x) {
  int64_t i = 0;
  while (x[i] == x[i]) ++i;
  return i;
}

// A row of adjacent elements, block by block: only the block that has the extreme is searched for it.
template <class T, class Order>
int64_t extreme_place(const T* x, int64_t n) {
  constexpr int64_t kBlock = 8192 / sizeof(T);
  T best = x[0];
  int64_t at = 0;
  for (int64_t i = 0; i < n; i += kBlock) {
    const Extreme<T> e = extreme_of<T, Order>(x + i, std::min(kBlock, n - i));
    if (e.nan) return i + first_nan(x + i);
    if (Order::wins(e.best, best)) {
      best = e.best;
      at = i;
    }
  }
  return at + first_equal(x + at, n - at, best);
}

template <class T>
constexpr int64_t kTileColumns = 2048 / sizeof(T);

// best and place of columns j..n: kRows rows from row `first` on.
template <class T, class Order, int kRows>
inline void extreme_rows(T* best, SameWidthInt<T>* place, const T* in, int64_t row_stride, int64_t first,
                         int64_t n) {
  using I = SameWidthInt<T>;
  constexpr int64_t W = kNativeBytes / sizeof(T);
  const auto row = [&](int64_t r) {
    return reinterpret_cast<const T*>(reinterpret_cast<const char*>(in) + r * row_stride);
  };
  int64_t j = 0;
  for (; j + W <= n; j += W) {
    Lanes<T> b = lanes_at<T>(best + j);
    Lanes<I> p = lanes_at<I>(place + j);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Lanes<T> x = lanes_at<T>(row(r) + j);
      const Lanes<I> now = Lanes<I>{} + static_cast<I>(first + r);
      Lanes<I> wins;
      if constexpr (std::is_floating_point_v<T>) {
        wins = ~Order::loses(x, b) & (b == b);
      } else {
        wins = Order::wins(x, b);
      }
      b = wins ? x : b;
      p = wins ? now : p;
    }
    lanes_at<T>(best + j) = b;
    lanes_at<I>(place + j) = p;
  }
  for (; j < n; ++j) {
    T b = best[j];
    I p = place[j];
    for (int r = 0; r < kRows; ++r) {
      const T x = row(r)[j];
      const bool wins = !Order::loses(x, b) & (b == b);
      b = wins ? x : b;
      p = wins ? static_cast<I>(first + r) : p;
    }
    best[j] = b;
    place[j] = p;
  }
}

template <class T, class Order>
void extreme_columns(const ReduceBlock& b, int64_t begin, int64_t end) {
  using I = SameWidthInt<T>;
  constexpr int64_t kColumns = kTileColumns<T>, kRows = 8;
  constexpr int64_t kWidth = sizeof(T);
  // Places fit their lanes in so many rows.
  constexpr int64_t kSpan = sizeof(T) == 1 ? 127 : int64_t{1} << 30;
  const bool adjacent = b.column_stride == kWidth;
  alignas(64) T best[kColumns];
  alignas(64) I place[kColumns];
  alignas(64) T gathered[kRows * 64];
  const int64_t step = adjacent ? kColumns : 64;
  for (int64_t j = begin; j < end; j += step) {
    const int64_t n = std::min(step, end - j);
    const char* in = b.in + j * b.column_stride;
    auto* indices = b.indices + j * (b.out_stride / kWidth);
    char* out = b.out + j * b.out_stride;
    for (int64_t base = 0; base < b.rows; base += kSpan) {
      const int64_t rows = std::min(kSpan, b.rows - base);
      const char* at = in + base * b.row_stride;
      for (int64_t k = 0; k < n; ++k) {
        best[k] = load<T>(at + k * b.column_stride);
        place[k] = 0;
      }
      int64_t i = 1;
      if (adjacent) {
        for (; i + kRows <= rows; i += kRows)
          extreme_rows<T, Order, kRows>(best, place, reinterpret_cast<const T*>(at + i * b.row_stride),
                                        b.row_stride, i, n);
        for (; i < rows; ++i)
          extreme_rows<T, Order, 1>(best, place, reinterpret_cast<const T*>(at + i * b.row_stride),
                                    b.row_stride, i, n);
      } else {
        const auto gather = [&](int64_t count) {
          for (int64_t k = 0; k < n; ++k)
            for (int64_t r = 0; r < count; ++r)
              gathered[r * 64 + k] = load<T>(at + (i + r) * b.row_stride + k * b.column_stride);
        };
        for (; i + kRows <= rows; i += kRows) {
          gather(kRows);
          extreme_rows<T, Order, kRows>(best, place, gathered, 64 * kWidth, i, n);
        }
        for (; i < rows; ++i) {
          gather(1);
          extreme_rows<T, Order, 1>(best, place, gathered, 64 * kWidth, i, n);
        }
      }
      for (int64_t k = 0; k < n; ++k) {
        T& old = *reinterpret_cast<T*>(out + k * b.out_stride);
        if (base && (Order::loses(best[k], old) || old != old)) continue;
        old = best[k];
        indices[k * (b.out_stride / kWidth)] = base + place[k];
      }
    }
  }
}

template <class T, class Order>
void extreme_index(const ReduceBlock& b) {
  const int64_t width = sizeof(T), line = 128 / width;
  if (b.row_stride == width && b.rows >= line) {
    parallel_for(b.columns, std::max<int64_t>(kGrainBytes / (b.rows * width), 1),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t j = begin; j < end; ++j) {
                     const auto* x = reinterpret_cast<const T*>(b.in + j * b.column_stride);
                     const int64_t at = extreme_place<T, Order>(x, b.rows);
                     *reinterpret_cast<T*>(b.out + j * b.out_stride) = x[at];
                     b.indices[j * (b.out_stride / width)] = at;
                   }
                 });
    return;
  }
  parallel_for(b.columns, std::max<int64_t>(kGrainBytes / 64 / (b.rows * width), 1) * 64,
               [&](int64_t begin, int64_t end) { extreme_columns<T, Order>(b, begin, end); });
}

template <class T>
using Element = std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>;

}  // namespace

const ReduceRow max = {
#define X(name, type, ...) extreme<Element<type>, Larger>,
    HINOKO_DTYPES(X)
#undef X
};
const ReduceRow min = {
#define X(name, type, ...) extreme<Element<type>, Smaller>,
    HINOKO_DTYPES(X)
#undef X
};
const ReduceRow max_index = {
#define X(name, type, ...) extreme_index<Element<type>, Larger>,
    HINOKO_DTYPES(X)
#undef X
};
const ReduceRow min_index = {
#define X(name, type, ...) extreme_index<Element<type>, Smaller>,
    HINOKO_DTYPES(X)
#undef X
};

}  // namespace hinoko::kernels::HINOKO_ISA
