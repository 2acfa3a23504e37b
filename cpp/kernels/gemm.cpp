// Products of matrices. c is computed in register tiles; a tile reads the rows of a and a panel of b, as wide
// as the tile, directly where they lie favourably, otherwise from packed copies. See Note [Order of a
// product].
#include <algorithm>
#include <concepts>
#include <type_traits>

#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/compiled.h"
#include "kernels/gemm_pack.h"
#include "kernels/gemv.h"

namespace hinoko::kernels::HINOKO_ISA {

namespace gemm_detail {

namespace {

constexpr int64_t kDepth = 256;                // of a block of k, at most: part of the contract
constexpr int64_t kThreadedWork = 512 * 1024;  // multiply-adds that are worth a second thread
constexpr int64_t kPieceWork = 128 * 1024;     // and as many as a thread takes at once

template <class T>
struct Problem {
  int64_t m, n, k;
  const T* a;
  int64_t a_row, a_column;
  const T* b;
  int64_t b_row, b_column;
  T* c;
  int64_t c_row;
  const Finish<T>* finish;

  const T* bias(int64_t i, int64_t j) const noexcept {
    return finish && finish->bias ? finish->bias + i * finish->bias_row + j * finish->bias_column : nullptr;
  }
};

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// k in equal blocks: how deep one is.
inline int64_t depth_of(int64_t k) {
  return k <= kDepth ? std::max<int64_t>(k, 1) : ceil_div(k, ceil_div(k, kDepth));
}

// The rows of c in tiles of nearly equal height.
struct Rows {
  explicit Rows(int64_t m) noexcept {
    if (m > kTileRows) {
      tiles = ceil_div(m, kTileRows);
      height = m / tiles;
      higher = m % tiles;
    } else {
      height = m;
    }
  }
  int64_t start(int64_t t) const noexcept { return t * height + std::min(t, higher); }
  int64_t tiles = 1, height, higher = 0;
};

// ---- the general case ----

// What the tiles of one block of rows have in common.
template <class T>
struct Block {
  const Problem<T>& x;
  Rows rows;
  int64_t first_row;  // of the block, in x
  const T* packed;    // rows [first_row, ...) of a for one block of k, tile by tile, or null
  bool pack_b;
  int64_t k_begin, k_end, depth;
};

// Tiles [begin, end) of the block's rows under columns [j, j + columns), at most a tile's width or, without
// packing, a multiple of it.
template <class T>
void run_panel(const Block<T>& block, int64_t begin, int64_t end, int64_t j, int64_t columns) {
  constexpr int L = kLanes<T>;
  constexpr int W = kTileColumns<T>;
  const Problem<T>& x = block.x;
  alignas(64) T panel[kDepth * W];
  TileCall<T> call;
  call.c_row = x.c_row;
  set_columns(call, columns);
  for (int64_t p = block.k_begin; p == block.k_begin || p < block.k_end; p += block.depth) {
    call.k = std::min(block.depth, block.k_end - p);
    call.add = p > 0;
    const bool last = p + block.depth >= x.k;
    const T* const b = x.b + p * x.b_row + j * x.b_column;
    if (block.pack_b || (!Part<T>::kMasked && columns % L)) {
      pack_right(panel, call.k, columns, b, x.b_row, x.b_column);
      call.b = panel;
      call.b_row = W;
    } else {
      call.b = b;
      call.b_row = x.b_row;
    }
    for (int64_t t = begin; t < end; ++t) {
      const int64_t start = block.rows.start(t), i = block.first_row + start;
      const int64_t height = block.rows.start(t + 1) - start;
      if (block.packed) {
        call.a = block.packed + start * call.k;
        call.a_row = 1;
        call.a_column = height;
      } else {
        call.a = x.a + i * x.a_row + p * x.a_column;
        call.a_row = x.a_row;
        call.a_column = x.a_column;
      }
      call.c = x.c + i * x.c_row + j;
      pick_tile<T>(height, columns)(call);
      if (last && x.finish) finish_rows(*x.finish, x.bias(i, j), height, columns, call.c, x.c_row);
    }
  }
}

template <class T>
void general(const Problem<T>& x) {
  constexpr int W = kTileColumns<T>;
  const int64_t work = x.m * x.n * x.k;
  const int64_t panels = ceil_div(x.n, W);
  // A copy pays where rows lie so that they evict each other from the cache, or where it is read often.
  const auto conflicts = [](int64_t stride) { return stride * static_cast<int64_t>(sizeof(T)) % 4096 == 0; };
  const bool pack_b =
      x.b_column != 1 || (x.k * x.n > 32 * 1024 && x.m >= (conflicts(x.b_row) && x.k >= 64 ? 96 : 192));
  constexpr int64_t kMostRows = 512;
  const bool pack_a =
      x.m >= 96 && panels >= 8 && x.k >= 64 && conflicts(x.a_column == 1 ? x.a_row : x.a_column);
  const int64_t depth = depth_of(x.k);
  T* const packed =
      pack_a ? static_cast<T*>(scratch(static_cast<size_t>(std::min(kMostRows, x.m) * depth) * sizeof(T)))
             : nullptr;
  const int64_t blocks = packed ? ceil_div(x.m, kMostRows) : 1;
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t first_row = i * x.m / blocks, rows = (i + 1) * x.m / blocks - first_row;
    Block<T> block{x, Rows(rows), first_row, packed, pack_b, 0, x.k, depth};
    const int64_t tiles = block.rows.tiles;
    // Units of several tiles of one panel, so that packing it pays.
    const int64_t unit = pack_b ? std::min<int64_t>(tiles, 16) : 1;
    const int64_t units = ceil_div(tiles, unit);
    const int64_t grain = work < kThreadedWork
                              ? units * panels
                              : ceil_div(kPieceWork, unit * kTileRows * W * (packed ? depth : x.k) + 1);
    const auto run = [&](int64_t begin, int64_t end) {
      int64_t j = begin ? begin / units : 0, u = begin ? begin % units : 0;
      for (int64_t left = end - begin; left > 0; ++j, u = 0) {
        const int64_t taken = std::min(left, units - u);
        run_panel(block, u * unit, std::min(tiles, (u + taken) * unit), j * W,
                  std::min<int64_t>(W, x.n - j * W));
        left -= taken;
      }
    };
    if (!packed) {
      parallel_for(units * panels, grain, run);
      continue;
    }
    for (int64_t p = 0; p < x.k; p += depth) {
      block.k_begin = p;
      block.k_end = std::min(x.k, p + depth);
      const int64_t k = block.k_end - p;
      parallel_for(tiles, work < kThreadedWork ? tiles : 4, [&](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; ++t) {
          const int64_t start = block.rows.start(t);
          pack_left(packed + start * k, block.rows.start(t + 1) - start, k,
                    x.a + (first_row + start) * x.a_row + p * x.a_column, x.a_row, x.a_column);
        }
      });
      parallel_for(units * panels, grain, run);
    }
  }
}

// ---- few columns: vectors run along the rows ----

constexpr int kNarrow = 8;

template <class T>
bool is_narrow(const Problem<T>& x) {
  constexpr int L = kLanes<T>;
  if (x.n > kNarrow || x.m < 2 * L) return false;
  return x.a_row == 1 ? x.n * 2 <= L : x.a_column == 1 && x.n * 3 <= L && x.k >= L;
}

template <class T>
void narrow(const Problem<T>& x) {
  constexpr int L = kLanes<T>;
  constexpr int W = kTileColumns<T>;
  const int64_t depth = depth_of(x.k);
  const int64_t grain = x.m * x.n * x.k < kThreadedWork ? x.m : ceil_div(kPieceWork, x.n * x.k * W) * W;
  parallel_for(x.m, grain, [&](int64_t begin, int64_t end) {
    alignas(64) T panel[kDepth * W];
    alignas(64) T out[kNarrow * W];
    for (int64_t i = begin; i < end; i += W) {
      const int64_t count = std::min<int64_t>(W, end - i);
      TileCall<T> call;
      call.a_row = x.b_column;
      call.a_column = x.b_row;
      call.c = out;
      call.c_row = W;
      set_columns(call, count);
      for (int64_t p = 0; p < x.k; p += depth) {
        const T* const a = x.a + i * x.a_row + p * x.a_column;
        call.k = std::min(depth, x.k - p);
        call.a = x.b + p * x.b_row;
        call.add = p > 0;
        if (x.a_row == 1 && (Part<T>::kMasked || count % L == 0)) {
          call.b = a;
          call.b_row = x.a_column;
        } else {
          pack_right(panel, call.k, count, a, x.a_column, x.a_row);
          call.b = panel;
          call.b_row = W;
        }
        pick_tile<T>(x.n, count)(call);
      }
      for (int64_t r = 0; r < count; ++r) {
        T* const c = x.c + (i + r) * x.c_row;
        for (int64_t j = 0; j < x.n; ++j) {
          T value = out[j * W + r];
          if (x.finish) {
            value *= x.finish->alpha;
            if (const T* const bias = x.bias(i + r, j)) value += x.finish->beta * *bias;
          }
          c[j] = value;
        }
      }
    }
  });
}

// ---- entries ----

template <class T>
void one(const Problem<T>& x) {
  if (x.n == 1 || x.m == 1) {
    Finish<T> finish;
    if (x.finish) {
      finish = *x.finish;
      if (x.n != 1) finish.bias_row = finish.bias_column;
    }
    const Finish<T>* const f = x.finish ? &finish : nullptr;
    if (x.n == 1)
      matrix_vector(VectorProblem<T>{x.m, x.k, x.a, x.a_row, x.a_column, x.b, x.b_row, x.c, x.c_row, f});
    else
      matrix_vector(VectorProblem<T>{x.n, x.k, x.b, x.b_column, x.b_row, x.a, x.a_column, x.c, 1, f});
  } else if (is_narrow(x) && x.k > 0) {
    narrow(x);
  } else {
    general(x);
  }
}

template <std::floating_point T>
void product(const GemmCall& call) {
  Finish<T> finish{static_cast<T>(call.alpha), static_cast<T>(call.beta),
                   call.beta != 0 ? static_cast<const T*>(call.bias) : nullptr, call.bias_row,
                   call.bias_column};
  const Problem<T> x{call.m,
                     call.n,
                     call.k,
                     static_cast<const T*>(call.a),
                     call.a_row,
                     call.a_column,
                     static_cast<const T*>(call.b),
                     call.b_row,
                     call.b_column,
                     static_cast<T*>(call.c),
                     call.c_row,
                     finish.bias || call.alpha != 1 ? &finish : nullptr};
  if (call.count == 1) return one(x);
  // Many small ones are shared out whole; few large ones one after the other, by their tiles.
  const int64_t work = call.m * call.n * call.k;
  const bool whole = work < 8 * kThreadedWork && work * call.count >= kThreadedWork;
  const int64_t grain = whole ? ceil_div(kPieceWork, work + 1) : call.count;
  parallel_for(call.count, grain, [&](int64_t begin, int64_t end) {
    Problem<T> y = x;
    Finish<T> own = finish;
    if (y.finish) y.finish = &own;
    for (int64_t i = begin; i < end; ++i) {
      y.a = x.a + i * call.a_step;
      y.b = x.b + i * call.b_step;
      y.c = x.c + i * call.c_step;
      if (own.bias) own.bias = finish.bias + i * call.bias_step;
      one(y);
    }
  });
}

// Whole numbers wrap: they are computed without a sign.
template <std::integral T>
void product(const GemmCall& call) {
  using U = std::make_unsigned_t<T>;
  for (int64_t s = 0; s < call.count; ++s) {
    const auto* const a = static_cast<const U*>(call.a) + s * call.a_step;
    const auto* const b = static_cast<const U*>(call.b) + s * call.b_step;
    auto* const c = static_cast<U*>(call.c) + s * call.c_step;
    for (int64_t i = 0; i < call.m; ++i) {
      const U* const left = a + i * call.a_row;
      U* const out = c + i * call.c_row;
      if (call.b_column == 1) {
        for (int64_t j = 0; j < call.n; ++j) out[j] = 0;
        for (int64_t p = 0; p < call.k; ++p) {
          const U factor = left[p * call.a_column];
          const U* const right = b + p * call.b_row;
          for (int64_t j = 0; j < call.n; ++j) out[j] += factor * right[j];
        }
      } else {
        for (int64_t j = 0; j < call.n; ++j) {
          U sum = 0;
          for (int64_t p = 0; p < call.k; ++p)
            sum += left[p * call.a_column] * b[p * call.b_row + j * call.b_column];
          out[j] = sum;
        }
      }
    }
  }
}

}  // namespace

extern const std::array<Dot, kNumDTypes> dots;
extern const std::array<Gemv, kNumDTypes> gemvs;

}  // namespace gemm_detail

const GemmTable gemm = {
    .product = {nullptr, gemm_detail::product<int32_t>, gemm_detail::product<int64_t>,
                gemm_detail::product<float>, gemm_detail::product<double>},
    .dot = gemm_detail::dots,
    .matrix_vector = gemm_detail::gemvs,
};

}  // namespace hinoko::kernels::HINOKO_ISA
