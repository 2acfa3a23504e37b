// Products with a vector. See Note [Order of a product] for the order of the sums: it is the same for rows
// that are read one after the other and for columns that are read side by side.
#include "kernels/gemv.h"

#include <algorithm>
#include <concepts>
#include <type_traits>

#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/compiled.h"

namespace hinoko::kernels::HINOKO_ISA {

namespace gemm_detail {

namespace {

template <class T>
inline constexpr int kSums = std::is_same_v<T, float> ? 32 : 16;
constexpr int64_t kInOrder = 16;               // from so many elements on there are lanes
constexpr int64_t kThreadedWork = 256 * 1024;  // multiply-adds that are worth a second thread
constexpr int64_t kPieceWork = 64 * 1024;      // and as many as a thread takes at once
constexpr int64_t kCopiedBytes = 1024 * 1024;  // a vector whose elements are apart is copied up to this size

template <class T>
T add_up(T (&lanes)[kSums<T>]) {
#pragma GCC unroll 8
  for (int width = kSums<T> / 2; width; width /= 2)
    for (int l = 0; l < width; ++l) lanes[l] += lanes[l + width];
  return lanes[0];
}

// The lanes of R dots with the same right-hand side.
template <class T, int R>
struct Sums {
  static constexpr int L = kLanes<T>;
  static constexpr int N = kSums<T> / L;
  Vector<T> v[R][N] = {};

  void add(int64_t n, const T* a, int64_t a_row, const T* b) {
    int64_t i = 0;
    for (; i + kSums<T> <= n; i += kSums<T>) {
#pragma GCC unroll 8
      for (int j = 0; j < N; ++j) {
        const Vector<T> right = load(b + i + j * L);
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r)
          v[r][j] = multiply_add<T>(load(a + r * a_row + i + j * L), right, v[r][j]);
      }
    }
    if (i == n) return;
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) {
      const int64_t left = n - i - j * L;
      if (left <= 0) break;
      const Part<T> part(std::min<int64_t>(left, L));
      const Vector<T> right = part.load(b + i + j * L);
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r)
        v[r][j] = multiply_add<T>(part.load(a + r * a_row + i + j * L), right, v[r][j]);
    }
  }
  T total(int r) const {
    alignas(64) T lanes[kSums<T>];
#pragma GCC unroll 8
    for (int j = 0; j < N; ++j) store(lanes + j * L, v[r][j]);
    return add_up<T>(lanes);
  }
};

template <class T>
T dot_in_order(int64_t n, const T* a, int64_t a_step, const T* b, int64_t b_step) {
  T total = 0;
  for (int64_t i = 0; i < n; ++i) total = multiply_add_scalar(a[i * a_step], b[i * b_step], total);
  return total;
}

template <std::floating_point T>
T dot_of(int64_t n, const T* a, int64_t a_step, const T* b, int64_t b_step) {
  if (n < kInOrder) return dot_in_order(n, a, a_step, b, b_step);
  Sums<T, 1> sums;
  if (a_step == 1 && b_step == 1) {
    sums.add(n, a, 0, b);
    return sums.total(0);
  }
  constexpr int64_t kRun = 256;
  T left[kRun], right[kRun];
  for (int64_t i = 0; i < n; i += kRun) {
    const int64_t count = std::min(kRun, n - i);
    for (int64_t j = 0; j < count; ++j) {
      left[j] = a[(i + j) * a_step];
      right[j] = b[(i + j) * b_step];
    }
    sums.add(count, left, 0, right);
  }
  return sums.total(0);
}

template <std::integral T>
T dot_of(int64_t n, const T* a, int64_t a_step, const T* b, int64_t b_step) {
  T total = 0;
  for (int64_t i = 0; i < n; ++i) total += a[i * a_step] * b[i * b_step];
  return total;
}

template <class T>
void put(const VectorProblem<T>& call, int64_t i, T value) {
  if (const Finish<T>* const finish = call.finish) [[unlikely]] {
    value *= finish->alpha;
    if (finish->bias) value += finish->beta * finish->bias[i * finish->bias_row];
  }
  call.y[i * call.y_step] = value;
}

// Rows of adjacent elements, x adjacent.
template <class T>
void by_rows(const VectorProblem<T>& call, int64_t begin, int64_t end) {
  constexpr int R = Sums<T, 1>::N >= 8 ? 1 : 8 / Sums<T, 1>::N;
  int64_t i = begin;
  for (; i + R <= end; i += R) {
    Sums<T, R> sums;
    sums.add(call.k, call.a + i * call.a_row, call.a_row, call.x);
    for (int r = 0; r < R; ++r) put(call, i + r, sums.total(r));
  }
  for (; i < end; ++i) put(call, i, dot_of(call.k, call.a + i * call.a_row, 1, call.x, 1));
}

// Columns of adjacent elements, V vectors of each: lane after lane, every one over its columns.
template <class T, int V>
void run_of_columns(const VectorProblem<T>& call, int64_t i, int64_t count) {
  constexpr int L = kLanes<T>;
  alignas(64) T sums[kSums<T>][V * L];
  const Part<T> part(count - (V - 1) * L);
  const int64_t lanes = call.k >= kInOrder ? kSums<T> : 1;
  const int64_t step = lanes * call.a_column, ahead = (lanes == 1 ? 8 : 4) * step;
  for (int64_t l = 0; l < lanes; ++l) {
    Vector<T> sum[V] = {};
    const T* column = call.a + i + l * call.a_column;
    for (int64_t p = l; p < call.k; p += lanes, column += step) {
      const Vector<T> factor = broadcast<T>(call.x[p * call.x_step]);
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) {
        if (V > 1) __builtin_prefetch(column + ahead + v * L);
        const Vector<T> left = V == 1 ? part.load(column) : load(column + v * L);
        sum[v] = multiply_add<T>(left, factor, sum[v]);
      }
    }
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) store(sums[l] + v * L, sum[v]);
  }
  for (int64_t width = lanes / 2; width; width /= 2)
    for (int64_t l = 0; l < width; ++l)
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v)
        store(sums[l] + v * L, load(sums[l] + v * L) + load(sums[l + width] + v * L));
  for (int64_t j = 0; j < count; ++j) put(call, i + j, sums[0][j]);
}

template <class T>
void by_columns(const VectorProblem<T>& call, int64_t begin, int64_t end) {
  constexpr int L = kLanes<T>;
  int64_t i = begin;
  for (; i + 8 * L <= end; i += 8 * L) run_of_columns<T, 8>(call, i, 8 * L);
  for (; i < end; i += L) run_of_columns<T, 1>(call, i, std::min<int64_t>(L, end - i));
}

// A few columns of a small matrix whose elements are adjacent, in registers.
template <class T>
void by_short_columns(const VectorProblem<T>& call) {
  constexpr int L = kLanes<T>;
  for (int64_t i = 0; i < call.m; i += L) {
    const int64_t count = std::min<int64_t>(L, call.m - i);
    const Part<T> part(count);
    Vector<T> sum = {};
    for (int64_t p = 0; p < call.k; ++p)
      sum = multiply_add<T>(part.load(call.a + i + p * call.a_column), broadcast<T>(call.x[p * call.x_step]),
                            sum);
    if (!call.finish && call.y_step == 1) {
      part.store(call.y + i, sum);
    } else {
      for (int64_t j = 0; j < count; ++j) put(call, i + j, sum[j]);
    }
  }
}

template <class T>
void any_strides(const VectorProblem<T>& call, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i)
    put(call, i, dot_of(call.k, call.a + i * call.a_row, call.a_column, call.x, call.x_step));
}

template <class T>
void run(const VectorProblem<T>& call) {
  const bool columns = call.a_row == 1 && call.a_column != 1;
  if (call.k < kInOrder && call.m * call.k < kThreadedWork)
    return call.a_row == 1 && call.m > 1 ? by_short_columns(call) : any_strides(call, 0, call.m);
  const int64_t grain =
      call.m * call.k < kThreadedWork ? call.m : (kPieceWork / (call.k + 1) + 128) / 128 * 128;
  VectorProblem<T> y = call;
  if (!columns && y.a_column == 1 && y.x_step != 1 && y.m > 1 &&
      y.k * static_cast<int64_t>(sizeof(T)) <= kCopiedBytes) {
    if (auto* const x = static_cast<T*>(scratch(static_cast<size_t>(y.k) * sizeof(T)))) {
      for (int64_t p = 0; p < y.k; ++p) x[p] = y.x[p * y.x_step];
      y.x = x;
      y.x_step = 1;
    }
  }
  parallel_for(y.m, grain, [&](int64_t begin, int64_t end) {
    if (columns)
      by_columns(y, begin, end);
    else if (y.a_column == 1 && y.x_step == 1 && y.k >= kInOrder)
      by_rows(y, begin, end);
    else
      any_strides(y, begin, end);
  });
}

template <std::floating_point T>
void gemv(const GemvCall& call) {
  const Finish<T> finish{static_cast<T>(call.alpha), static_cast<T>(call.beta),
                         call.beta != 0 ? static_cast<const T*>(call.bias) : nullptr, call.bias_step, 0};
  run(VectorProblem<T>{call.m, call.k, static_cast<const T*>(call.a), call.a_row, call.a_column,
                       static_cast<const T*>(call.x), call.x_step, static_cast<T*>(call.y), 1,
                       finish.bias || call.alpha != 1 ? &finish : nullptr});
}

// Whole numbers wrap: they are computed without a sign.
template <std::integral T>
void gemv(const GemvCall& call) {
  using U = std::make_unsigned_t<T>;
  const auto* const a = static_cast<const U*>(call.a);
  const auto* const x = static_cast<const U*>(call.x);
  auto* const y = static_cast<U*>(call.y);
  for (int64_t i = 0; i < call.m; ++i)
    y[i] = dot_of(call.k, a + i * call.a_row, call.a_column, x, call.x_step);
}

template <class T>
void dot(int64_t n, void* out, const void* a, int64_t a_step, const void* b, int64_t b_step) {
  using U = typename std::conditional_t<std::integral<T>, std::make_unsigned<T>, std::type_identity<T>>::type;
  *static_cast<U*>(out) = dot_of(n, static_cast<const U*>(a), a_step, static_cast<const U*>(b), b_step);
}

}  // namespace

void matrix_vector(const VectorProblem<float>& call) { run(call); }
void matrix_vector(const VectorProblem<double>& call) { run(call); }

extern const std::array<Dot, kNumDTypes> dots;
const std::array<Dot, kNumDTypes> dots = {nullptr, dot<int32_t>, dot<int64_t>, dot<float>, dot<double>};
extern const std::array<Gemv, kNumDTypes> gemvs;
const std::array<Gemv, kNumDTypes> gemvs = {nullptr, gemv<int32_t>, gemv<int64_t>, gemv<float>, gemv<double>};

}  // namespace gemm_detail

}  // namespace hinoko::kernels::HINOKO_ISA
