// Matrix products. Small ones run straight over the operands; large ones pack the right-hand side into panels
// as wide as a register tile (and the left-hand side where its rows are not adjacent), block by block of k.
// The vector width follows the instruction set that this file is compiled for; results do not.
#include "kernels/compiled.h"

#include <algorithm>
#include <concepts>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>

namespace hinoko::kernels::HINOKO_ISA {

namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
constexpr int kTileRows = 8;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
constexpr int kTileRows = 4;
#else
constexpr int kVectorBytes = 16;
constexpr int kTileRows = 4;
#endif

template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(kVectorBytes)));
};
template <class T>
using Vector = typename VectorOf<T>::type;
template <class T>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));
template <class T>
inline constexpr int kTileColumns = 2 * kLanes<T>;

constexpr int64_t kBlockK = 256;
constexpr int64_t kBlockN = 512;         // columns of b in one packed block
constexpr int64_t kBlockM = 64;          // rows of a in one packed block
constexpr int64_t kPackFromRows = 16;    // packing b pays off from so many rows of a
constexpr int64_t kDirectBytes = 16384;  // a block of b of so many bytes is read where it is

// Whole numbers wrap: they are computed without a sign.
template <class T>
struct Unsigned {
  using type = T;
};
template <std::integral T>
struct Unsigned<T> {
  using type = std::make_unsigned_t<T>;
};

template <class T>
Vector<T> load(const T* p) {
  Vector<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
void store(T* p, const Vector<T>& v) {
  std::memcpy(p, &v, sizeof v);
}

// c[R, tile] (+)= a[R, k] b[k, tile].
template <class T, int R>
void tile(int64_t k, const T* a, int64_t a_row, int64_t a_column, const T* b, int64_t b_row, T* c,
          int64_t c_row, bool first) {
  constexpr int L = kLanes<T>;
  using V = Vector<T>;
  V left[R], right[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    left[r] = first ? V{} : load(c + r * c_row);
    right[r] = first ? V{} : load(c + r * c_row + L);
  }
  for (int64_t p = 0; p < k; ++p, b += b_row, a += a_column) {
    const V b0 = load(b), b1 = load(b + L);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const T x = a[r * a_row];
      left[r] += b0 * x;
      right[r] += b1 * x;
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    store(c + r * c_row, left[r]);
    store(c + r * c_row + L, right[r]);
  }
}

template <class T, int R = kTileRows>
void tile_rows(int64_t rows, int64_t k, const T* a, int64_t a_row, int64_t a_column, const T* b,
               int64_t b_row, T* c, int64_t c_row, bool first) {
  if constexpr (R > 1)
    if (rows < R) return tile_rows<T, R - 1>(rows, k, a, a_row, a_column, b, b_row, c, c_row, first);
  tile<T, R>(k, a, a_row, a_column, b, b_row, c, c_row, first);
}

// All rows of c under one panel of b; `columns` of the panel exist.
template <class T>
void panel(int64_t rows, int64_t columns, int64_t k, const T* a, int64_t a_row, int64_t a_column, const T* b,
           int64_t b_row, T* c, int64_t c_row, bool first) {
  constexpr int W = kTileColumns<T>;
  for (int64_t i = 0; i < rows; i += kTileRows) {
    const int64_t count = std::min<int64_t>(kTileRows, rows - i);
    const T* const a_here = a + i * a_row;
    T* const c_here = c + i * c_row;
    if (columns == W) {
      tile_rows(count, k, a_here, a_row, a_column, b, b_row, c_here, c_row, first);
      continue;
    }
    T whole[kTileRows * W] = {};
    if (!first)
      for (int64_t r = 0; r < count; ++r)
        std::copy(c_here + r * c_row, c_here + r * c_row + columns, whole + r * W);
    tile_rows(count, k, a_here, a_row, a_column, b, b_row, whole, W, first);
    for (int64_t r = 0; r < count; ++r) std::copy(whole + r * W, whole + r * W + columns, c_here + r * c_row);
  }
}

// Copies b[k, columns] to rows as wide as a tile, filled up with zeros.
template <class T>
void pack_panel(T* out, int64_t k, int64_t columns, const T* b, int64_t b_row, int64_t b_column) {
  constexpr int W = kTileColumns<T>;
  if (columns == W && b_column == 1) {
    for (int64_t p = 0; p < k; ++p) std::memcpy(out + p * W, b + p * b_row, W * sizeof(T));
    return;
  }
  if (columns < W) std::fill(out, out + k * W, T(0));
  if (b_column == 1) {
    for (int64_t p = 0; p < k; ++p) std::copy(b + p * b_row, b + p * b_row + columns, out + p * W);
    return;
  }
  for (int64_t j = 0; j < columns; ++j)
    for (int64_t p = 0; p < k; ++p) out[p * W + j] = b[p * b_row + j * b_column];
}

struct Free {
  void operator()(void* p) const noexcept { std::free(p); }
};
template <class T>
class Buffer {  // on the stack while it is small
 public:
  explicit Buffer(int64_t count) {
    const size_t bytes = (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
    if (bytes <= sizeof small_) return;
    heap_.reset(static_cast<T*>(std::aligned_alloc(64, bytes)));
    if (!heap_) throw std::bad_alloc();
  }
  T* data() noexcept { return heap_ ? heap_.get() : reinterpret_cast<T*>(small_); }

 private:
  alignas(64) char small_[8192];
  std::unique_ptr<T, Free> heap_;
};

// Few columns: a tile would be mostly empty. Four rows at a time, so that additions overlap.
template <class T>
void narrow(const GemmCall& call, const T* a, const T* b, T* c) {
  for (int64_t j = 0; j < call.n; ++j) {
    const T* const column = b + j * call.b_column;
    int64_t i = 0;
    for (; i + 4 <= call.m; i += 4) {
      const T* x = a + i * call.a_row;
      T s0 = 0, s1 = 0, s2 = 0, s3 = 0;
      for (int64_t p = 0; p < call.k; ++p, x += call.a_column) {
        const T y = column[p * call.b_row];
        s0 += x[0] * y;
        s1 += x[call.a_row] * y;
        s2 += x[2 * call.a_row] * y;
        s3 += x[3 * call.a_row] * y;
      }
      T* const out = c + i * call.c_row + j;
      out[0] = s0;
      out[call.c_row] = s1;
      out[2 * call.c_row] = s2;
      out[3 * call.c_row] = s3;
    }
    for (; i < call.m; ++i) {
      const T* const x = a + i * call.a_row;
      T sum = 0;
      for (int64_t p = 0; p < call.k; ++p) sum += x[p * call.a_column] * column[p * call.b_row];
      c[i * call.c_row + j] = sum;
    }
  }
}

template <class T>
void product_in_blocks(const GemmCall& call, const T* a, const T* b, T* c) {
  constexpr int W = kTileColumns<T>;
  const int64_t m = call.m, n = call.n, k = call.k;
  const int64_t depth = std::min(k, kBlockK);
  // Rows of b that are not adjacent, or too many to stay in the cache while all rows of a pass by.
  const bool pack_b = call.b_column != 1 ||
                      (m >= kPackFromRows && depth * n * static_cast<int64_t>(sizeof(T)) > kDirectBytes);
  const bool pack_a = call.a_column != 1 && depth * m > 4096 && n >= 4 * W;
  const int64_t panels = (std::min(n, kBlockN) + W - 1) / W;
  Buffer<T> packed_b(pack_b ? depth * panels * W : depth * W);
  Buffer<T> packed_a(pack_a ? depth * kBlockM : 0);
  for (int64_t p = 0; p < k; p += kBlockK) {
    const int64_t kc = std::min(kBlockK, k - p);
    for (int64_t j = 0; j < n; j += kBlockN) {
      const int64_t nc = std::min(kBlockN, n - j);
      const T* const b_block = b + p * call.b_row + j * call.b_column;
      if (pack_b) {
        for (int64_t q = 0; q < nc; q += W)
          pack_panel(packed_b.data() + q * kc, kc, std::min<int64_t>(W, nc - q), b_block + q * call.b_column,
                     call.b_row, call.b_column);
      } else if (nc % W) {
        const int64_t q = nc / W * W;
        pack_panel(packed_b.data(), kc, nc - q, b_block + q, call.b_row, 1);
      }
      for (int64_t i = 0; i < m; i += kBlockM) {
        const int64_t mc = std::min(kBlockM, m - i);
        const T* a_block = a + i * call.a_row + p * call.a_column;
        int64_t a_row = call.a_row, a_column = call.a_column;
        if (pack_a) {
          for (int64_t s = 0; s < kc; ++s)
            for (int64_t r = 0; r < mc; ++r)
              packed_a.data()[s * kBlockM + r] = a_block[r * a_row + s * a_column];
          a_block = packed_a.data();
          a_row = 1;
          a_column = kBlockM;
        }
        for (int64_t q = 0; q < nc; q += W) {
          const int64_t columns = std::min<int64_t>(W, nc - q);
          const T* from = b_block + q;
          int64_t b_row = call.b_row;
          if (pack_b) {
            from = packed_b.data() + q * kc;
            b_row = W;
          } else if (columns < W) {
            from = packed_b.data();
            b_row = W;
          }
          panel(mc, columns, kc, a_block, a_row, a_column, from, b_row, c + i * call.c_row + j + q,
                call.c_row, p == 0);
        }
      }
    }
  }
}

template <class T>
void product(const GemmCall& call) {
  const auto* a = static_cast<const T*>(call.a);
  const auto* b = static_cast<const T*>(call.b);
  auto* c = static_cast<T*>(call.c);
  if (call.n * 4 <= kTileColumns<T> || call.m * call.n * call.k <= 16) return narrow(call, a, b, c);
  product_in_blocks(call, a, b, c);
}

// ---- vectors ----

template <class T>
T dot_of(int64_t n, const T* a, int64_t a_step, const T* b, int64_t b_step) {
  constexpr int64_t L = 16;
  T total = 0;
  int64_t i = 0;
  if (n >= L) {
    T lanes[L] = {};
    if (a_step == 1 && b_step == 1) {
      for (; i + L <= n; i += L)
        for (int64_t l = 0; l < L; ++l) lanes[l] += a[i + l] * b[i + l];
    } else {
      for (; i + L <= n; i += L)
        for (int64_t l = 0; l < L; ++l) lanes[l] += a[(i + l) * a_step] * b[(i + l) * b_step];
    }
    for (int64_t width = L / 2; width; width /= 2)
      for (int64_t l = 0; l < width; ++l) lanes[l] += lanes[l + width];
    total = lanes[0];
  }
  for (; i < n; ++i) total += a[i * a_step] * b[i * b_step];
  return total;
}

template <class T>
void matrix_times_vector(const GemvCall& call) {
  const auto* a = static_cast<const T*>(call.a);
  const auto* x = static_cast<const T*>(call.x);
  auto* y = static_cast<T*>(call.y);
  if (call.a_row == 1 && call.a_column != 1 && call.m > 4) {
    std::fill(y, y + call.m, T(0));
    for (int64_t p = 0; p < call.k; ++p) {
      const T factor = x[p * call.x_step];
      const T* const column = a + p * call.a_column;
#pragma GCC ivdep
      for (int64_t i = 0; i < call.m; ++i) y[i] += column[i] * factor;
    }
    return;
  }
  for (int64_t i = 0; i < call.m; ++i)
    y[i] = dot_of(call.k, a + i * call.a_row, call.a_column, x, call.x_step);
}

template <class Entry, class F>
constexpr std::array<Entry, kNumDTypes> numeric_dtypes(F get) {
  return {
#define X(name, type, ...) get(TypeTag<type>{}),
      HINOKO_DTYPES(X)
#undef X
  };
}

}  // namespace

const GemmTable gemm = {
    .product = numeric_dtypes<Gemm>([]<class T>(TypeTag<T>) -> Gemm {
      if constexpr (std::is_same_v<T, bool>) {
        return nullptr;
      } else {
        return product<typename Unsigned<T>::type>;
      }
    }),
    .dot = numeric_dtypes<Dot>([]<class T>(TypeTag<T>) -> Dot {
      if constexpr (std::is_same_v<T, bool>) {
        return nullptr;
      } else {
        return [](int64_t n, void* out, const void* a, int64_t a_step, const void* b, int64_t b_step) {
          using U = typename Unsigned<T>::type;
          *static_cast<U*>(out) =
              dot_of(n, static_cast<const U*>(a), a_step, static_cast<const U*>(b), b_step);
        };
      }
    }),
    .matrix_vector = numeric_dtypes<Gemv>([]<class T>(TypeTag<T>) -> Gemv {
      if constexpr (std::is_same_v<T, bool>) {
        return nullptr;
      } else {
        return matrix_times_vector<typename Unsigned<T>::type>;
      }
    }),
};

}  // namespace hinoko::kernels::HINOKO_ISA
