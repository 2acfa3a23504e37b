// Sums of floating point, in the order that Note [Order of a sum] (reduce.h) lays down, and of whole numbers.
// Threads take columns, or blocks of the cascade in one long row: the order is the same for any number of
// them.
#include <algorithm>
#include <bit>
#include <type_traits>

#include "base/parallel.h"
#include "kernels/compiled.h"
#include "kernels/lanes.h"

namespace hinoko::kernels::HINOKO_ISA {

namespace {

template <class T>
void add_to(char* out, T sum) {
  *reinterpret_cast<T*>(out) += sum;
}

constexpr int64_t kLevels = 4;
constexpr int kSideBySide = 4;
constexpr int kLaneBytes = 32;
template <class T>
constexpr int kLanes = kLaneBytes / static_cast<int>(sizeof(T));

// How many of `items`, each of so many bytes, make up a grain: a multiple of `step`.
int64_t grain_of(int64_t bytes_each, int64_t step = 1) {
  const int64_t count = kGrainBytes / std::max<int64_t>(bytes_each, 1);
  return std::max<int64_t>(count / step, 1) * step;
}

// So many elements are summed from zero before they are carried to the next level, and so on.
int64_t chunk_bits(int64_t count) {
  const int bits = count > 1 ? static_cast<int>(std::bit_width(static_cast<uint64_t>(count - 1))) : 0;
  return std::max<int64_t>(4, bits / kLevels);
}
int64_t chunk_of(int64_t count) { return int64_t{1} << chunk_bits(count); }

// ---- adjacent elements: lines of four lanes side by side ----

template <class T, int kParts = kSideBySide>
struct Line {
  static constexpr int64_t kBytes = kParts * kLaneBytes;
  static constexpr int kCount = kBytes / kNativeBytes;
  Lanes<T> v[kCount];

  void add(const char* in) {
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) v[i] += lanes_at<T>(in + i * kNativeBytes);
  }
  void add(const Line& other) {
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) v[i] += other.v[i];
  }
};

// level = the sum of so many chunks, each summed from zero. Lines are `step` bytes apart.
template <class L>
inline void sum_chunks(L& level, const char* in, int64_t chunks, int64_t chunk, int64_t step) {
  L all{};
  for (int64_t k = 0; k < chunks; ++k) {
    L sum{};
    for (int64_t i = 0; i < chunk; ++i, in += step) sum.add(in);
    all.add(sum);
  }
  level = all;
}

// The upper levels: sums of blocks of chunk * chunk lines.
template <class L>
[[gnu::noinline]] void sum_blocks(L& level1, L& level2, const char* in, int64_t blocks, int64_t chunk,
                                  int64_t step) {
  constexpr int64_t kWindow = 128;
  L sums[kWindow];
  const int64_t lines = chunk * chunk;
  for (int64_t first = 0; first < blocks; first += kWindow) {
    const int64_t n = std::min(kWindow, blocks - first);
    parallel_for(n, grain_of(lines * L::kBytes), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        sum_chunks(sums[i], in + (first + i) * lines * step, chunk, chunk, step);
    });
    for (int64_t i = 0; i < n; ++i) {
      level1.add(sums[i]);
      if ((first + i + 1) % chunk == 0) {
        level2.add(level1);
        level1 = {};
      }
    }
  }
}

// sum = the sum of `count` lines.
template <class L>
void sum_lines(L& sum, const char* in, int64_t count, int64_t step = L::kBytes) {
  const int64_t bits = chunk_bits(count), chunk = int64_t{1} << bits;
  L level0, level1{}, level2{};
  if (const int64_t blocks = count >> (2 * bits)) {
    sum_blocks(level1, level2, in, blocks, chunk, step);
    const int64_t done = blocks << (2 * bits);
    in += done * step;
    count -= done;
  }
  const int64_t chunks = count >> bits;
  sum_chunks(level0, in, chunks, chunk, step);
  in += (chunks << bits) * step;
  L rest{};
  for (int64_t i = chunks << bits; i < count; ++i, in += step) rest.add(in);
  sum = rest;
  sum.add(level0);
  sum.add(level1);
  sum.add(level2);
}

// sum = the sum of `vectors` adjacent vectors.
template <class T>
inline void sum_vectors(Lanes<T, kLaneBytes>& sum, const char* in, int64_t vectors) {
  using V = Lanes<T, kLaneBytes>;
  const int64_t lines = vectors / kSideBySide;
  V parts[kSideBySide] = {};
  if (lines < 16) {
    for (int64_t i = 0; i < lines; ++i, in += Line<T>::kBytes) {
#pragma GCC unroll 4
      for (int c = 0; c < kSideBySide; ++c) parts[c] += lanes_at<T, kLaneBytes>(in + c * kLaneBytes);
    }
  } else {
    Line<T> line;
    sum_lines(line, in, lines);
    std::memcpy(parts, &line, sizeof parts);
    in += lines * Line<T>::kBytes;
  }
  for (int64_t i = lines * kSideBySide; i < vectors; ++i, in += kLaneBytes)
    parts[0] += lanes_at<T, kLaneBytes>(in);
  sum = parts[0] + parts[1] + parts[2] + parts[3];
}

template <class T>
T sum_adjacent(const char* in, int64_t count) {
  constexpr int L = kLanes<T>;
  const int64_t vectors = count / L;
  Lanes<T, kLaneBytes> sum;
  sum_vectors<T>(sum, in, vectors);
  T total = 0;
  for (int64_t i = vectors * L; i < count; ++i) total += load<T>(in + i * static_cast<int64_t>(sizeof(T)));
  T lanes[L];
  std::memcpy(lanes, &sum, sizeof lanes);
  for (const T lane : lanes) total += lane;
  return total;
}

// As many rows at once as a vector has lanes: what is left of each is added up lane by lane for all of them.
template <class T>
void sum_adjacent_together(T* totals, const char* in, int64_t stride, int64_t count) {
  constexpr int L = kLanes<T>;
  using V = Lanes<T, kLaneBytes>;
  const int64_t vectors = count / L, rest = count - vectors * L;
  V sums[L];
  for (int r = 0; r < L; ++r) sum_vectors<T>(sums[r], in + r * stride, vectors);
  T tails[L] = {};
  if (rest) {
    const char* tail = in + vectors * kLaneBytes;
    for (int r = 0; r < L; ++r)
      for (int64_t i = 0; i < rest; ++i)
        tails[r] += load<T>(tail + r * stride + i * static_cast<int64_t>(sizeof(T)));
  }
  V total;
  std::memcpy(&total, tails, sizeof total);
  transpose_square(sums);
  for (int k = 0; k < L; ++k) total += sums[k];
  std::memcpy(totals, &total, sizeof total);
}

// ---- any stride ----

// sums[c] = the sum of `count` elements at in + c * column + i * step.
template <class T>
void cascade(T (&sums)[kSideBySide], const char* in, int64_t count, int64_t step, int64_t column) {
  constexpr int C = kSideBySide;
  const int64_t chunk = chunk_of(count);
  T s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  T levels[kLevels - 1][C] = {};
  const auto run = [&](int64_t n) {
    for (int64_t i = 0; i < n; ++i, in += step) {
      s0 += load<T>(in);
      s1 += load<T>(in + column);
      s2 += load<T>(in + 2 * column);
      s3 += load<T>(in + 3 * column);
    }
  };
  const int64_t chunks = count / chunk;
  for (int64_t done = 1; done <= chunks; ++done) {
    run(chunk);
    levels[0][0] += s0, levels[0][1] += s1, levels[0][2] += s2, levels[0][3] += s3;
    s0 = s1 = s2 = s3 = 0;
    for (int64_t level = 1, full = chunk; level < kLevels - 1 && done % full == 0; ++level, full *= chunk)
      for (int c = 0; c < C; ++c) {
        levels[level][c] += levels[level - 1][c];
        levels[level - 1][c] = 0;
      }
  }
  run(count - chunks * chunk);
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
  for (const auto& level : levels)
    for (int c = 0; c < C; ++c) sums[c] += level[c];
}

template <class T>
T sum_strided(const char* in, int64_t count, int64_t step) {
  const int64_t quads = count / kSideBySide;
  T parts[kSideBySide] = {};
  if (quads == 1) {
    for (int c = 0; c < kSideBySide; ++c) parts[c] += load<T>(in + c * step);
  } else if (quads) {
    cascade(parts, in, quads, step * kSideBySide, step);
  }
  for (int64_t i = quads * kSideBySide; i < count; ++i) parts[0] += load<T>(in + i * step);
  return parts[0] + parts[1] + parts[2] + parts[3];
}

// ---- one row after the other ----

template <class T>
void sum_some_rows(T* totals, const ReduceBlock& b, int64_t begin, int64_t end) {
  constexpr int L = kLanes<T>;
  int64_t j = begin;
  if (b.row_stride != sizeof(T) || b.rows < L) {
    for (; j < end; ++j) *totals++ = sum_strided<T>(b.in + j * b.column_stride, b.rows, b.row_stride);
    return;
  }
  if constexpr (kNativeBytes >= kLaneBytes)
    for (; j + L <= end; j += L, totals += L)
      sum_adjacent_together(totals, b.in + j * b.column_stride, b.column_stride, b.rows);
  for (; j < end; ++j) *totals++ = sum_adjacent<T>(b.in + j * b.column_stride, b.rows);
}

template <class T>
void sum_rows(const ReduceBlock& b) {
  if (b.columns == 1 && b.row_stride == sizeof(T) && b.rows >= kLanes<T>)
    return add_to(b.out, sum_adjacent<T>(b.in, b.rows));
  const int64_t row_bytes = b.rows * static_cast<int64_t>(sizeof(T));
  // Long rows are cut themselves.
  const int64_t grain = row_bytes >= int64_t{8} << 20 ? b.columns : grain_of(row_bytes, kLanes<T>);
  if (b.out_stride == 0 && b.columns > 1) {
    constexpr int64_t kWindow = 2048;
    T totals[kWindow];
    for (int64_t first = 0; first < b.columns; first += kWindow) {
      const int64_t n = std::min(kWindow, b.columns - first);
      parallel_for(n, grain, [&](int64_t begin, int64_t end) {
        sum_some_rows(totals + begin, b, first + begin, first + end);
      });
      for (int64_t j = 0; j < n; ++j) add_to(b.out, totals[j]);
    }
    return;
  }
  parallel_for(b.columns, grain, [&](int64_t begin, int64_t end) {
    constexpr int64_t kStep = 64;
    T totals[kStep];
    for (int64_t j = begin; j < end; j += kStep) {
      const int64_t n = std::min(kStep, end - j);
      sum_some_rows(totals, b, j, j + n);
      for (int64_t k = 0; k < n; ++k) add_to(b.out + (j + k) * b.out_stride, totals[k]);
    }
  });
}

// ---- many columns side by side ----

// s[j] += element j of so many rows in their order, for the next columns from j on: kCount vectors at once,
// so that rows are read in long runs.
template <class T, int kBytes, int kCount>
inline int64_t add_rows_by(T* s, const char* in, int64_t j, int64_t n, int64_t rows, int64_t row_stride) {
  constexpr int64_t kStep = kCount * kBytes / static_cast<int64_t>(sizeof(T));
  for (; j + kStep <= n; j += kStep) {
    Lanes<T, kBytes> sum[kCount];
    std::memcpy(sum, s + j, sizeof sum);
    const char* p = in + j * static_cast<int64_t>(sizeof(T));
    for (int64_t r = 0; r < rows; ++r, p += row_stride) {
#pragma GCC unroll 8
      for (int k = 0; k < kCount; ++k) sum[k] += lanes_at<T, kBytes>(p + k * kBytes);
    }
    std::memcpy(s + j, sum, sizeof sum);
  }
  return j;
}
template <class T>
void add_rows(T* s, const char* in, int64_t n, int64_t rows, int64_t row_stride, int64_t column_stride) {
  int64_t j = 0;
  if (column_stride == sizeof(T)) {
    j = add_rows_by<T, kNativeBytes, 8>(s, in, j, n, rows, row_stride);
    j = add_rows_by<T, kNativeBytes, 4>(s, in, j, n, rows, row_stride);
    j = add_rows_by<T, kNativeBytes, 2>(s, in, j, n, rows, row_stride);
    j = add_rows_by<T, kNativeBytes, 1>(s, in, j, n, rows, row_stride);
    if constexpr (kNativeBytes > 32) j = add_rows_by<T, 32, 1>(s, in, j, n, rows, row_stride);
    if constexpr (kNativeBytes > 16) j = add_rows_by<T, 16, 1>(s, in, j, n, rows, row_stride);
  }
  for (; j < n; ++j) {
    T sum = s[j];
    const char* p = in + j * column_stride;
    for (int64_t r = 0; r < rows; ++r, p += row_stride) sum += load<T>(p);
    s[j] = sum;
  }
}

template <class T>
void add_tile(T* to, const T* from, int64_t n) {
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) to[j] += from[j];
}

template <class T>
void carry(T* to, T* from, int64_t n) {
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) {
    to[j] += from[j];
    from[j] = 0;
  }
}

// Columns that are summed at once; rows are read in runs of that length.
template <class T>
struct Tile {
  static constexpr int64_t kColumns = 4096 / sizeof(T);
  alignas(64) T sum[kColumns];
  alignas(64) T level[kLevels - 1][kColumns];

  template <int kParts>
  bool run_line(const char* in, int64_t n, int64_t count, int64_t step) {
    Line<T, kParts> line;
    if (n * static_cast<int64_t>(sizeof(T)) != line.kBytes) return false;
    sum_lines(line, in, count, step);
    std::memcpy(sum, &line, sizeof line);
    return true;
  }

  // sum[c * n + j] = the sum of `count` elements at in + c * part + j * column_stride + i * step, for c <
  // parts.
  void run(const char* in, int64_t n, int64_t count, int64_t step, int64_t column_stride, int64_t parts,
           int64_t part) {
    const int64_t all = n * parts, chunk = chunk_of(count);
    if (part == n * column_stride) {  // one part follows the other
      n = all;
      parts = 1;
    }
    if (parts == 1 && column_stride == sizeof(T)) {
      // So few columns stay in registers.
      if (run_line<kSideBySide>(in, n, count, step)) return;
      if (run_line<2 * kSideBySide>(in, n, count, step)) return;
    }
    const size_t bytes = static_cast<size_t>(all) * sizeof(T);
    const auto add = [&](int64_t at, int64_t rows) {
      for (int64_t c = 0; c < parts; ++c)
        add_rows(sum + c * n, in + c * part + at * step, n, rows, step, column_stride);
    };
    for (auto& l : level) std::memset(l, 0, bytes);
    std::memset(sum, 0, bytes);
    int64_t at = 0, chunks = 0;
    while (at + chunk <= count) {
      add(at, chunk);
      at += chunk;
      ++chunks;
      carry(level[0], sum, all);
      for (int64_t l = 1, full = chunk; l < kLevels - 1 && chunks % full == 0; ++l, full *= chunk)
        carry(level[l], level[l - 1], all);
    }
    add(at, count - at);
    for (const auto& l : level) add_tile(sum, l, all);
  }
};

template <class T>
void add_totals(const ReduceBlock& b, int64_t first, const T* totals, int64_t n) {
  if (b.out_stride == sizeof(T)) {
    add_tile(reinterpret_cast<T*>(b.out) + first, totals, n);
  } else {
    for (int64_t j = 0; j < n; ++j) add_to(b.out + (first + j) * b.out_stride, totals[j]);
  }
}

template <class T>
void sum_columns(const ReduceBlock& b) {
  // Whole groups of columns go through the cascade as they are; the others are summed like a row each.
  const bool vectors = b.column_stride == sizeof(T) && b.columns >= kLanes<T>;
  const int64_t group = vectors ? kSideBySide * kLanes<T> : kSideBySide;
  const int64_t whole = b.columns / group * group;
  const int64_t row_bytes = b.rows * static_cast<int64_t>(sizeof(T));
  parallel_for(whole, b.out_stride ? grain_of(row_bytes, 64) : whole, [&](int64_t begin, int64_t end) {
    Tile<T> tile;
    for (int64_t j = begin; j < end; j += Tile<T>::kColumns) {
      const int64_t n = std::min(Tile<T>::kColumns, end - j);
      tile.run(b.in + j * b.column_stride, n, b.rows, b.row_stride, b.column_stride, 1, 0);
      add_totals(b, j, tile.sum, n);
    }
  });
  const int64_t n = b.columns - whole;
  if (!n) return;
  const char* in = b.in + whole * b.column_stride;
  Tile<T> tile;
  const int64_t quads = b.rows / kSideBySide;
  tile.run(in, n, quads, b.row_stride * kSideBySide, b.column_stride, kSideBySide, b.row_stride);
  add_rows(tile.sum, in + quads * kSideBySide * b.row_stride, n, b.rows - quads * kSideBySide, b.row_stride,
           b.column_stride);
  for (int c = 1; c < kSideBySide; ++c) add_tile(tile.sum, tile.sum + c * n, n);
  add_totals(b, whole, tile.sum, n);
}

template <class T>
void sum_real(const ReduceBlock& b) {
  const bool adjacent_rows = b.row_stride == sizeof(T) && b.rows >= kLanes<T>;
  const bool adjacent_columns = b.column_stride == sizeof(T) && b.columns >= kLanes<T>;
  if (!adjacent_rows && b.columns > 1 && (adjacent_columns || b.row_stride >= b.column_stride))
    return sum_columns<T>(b);
  sum_rows<T>(b);
}

// ---- whole numbers: any order is right, modulo 2^64 ----

// totals[k] += the sum of the rows of element k.
template <class T>
void add_narrow_rows(uint64_t* totals, const char* in, int64_t n, int64_t rows, int64_t row_stride) {
  constexpr int64_t kRows = 8;
  // Eight bools fit a byte.
  using Part = std::conditional_t<std::is_same_v<T, bool>, uint8_t, uint64_t>;
  int64_t i = 0;
  for (; i + kRows <= rows; i += kRows) {
    const T* row[kRows];
    for (int64_t r = 0; r < kRows; ++r) row[r] = reinterpret_cast<const T*>(in + (i + r) * row_stride);
    for (int64_t k = 0; k < n; ++k) {
      Part part = 0;
#pragma GCC unroll 8
      for (int64_t r = 0; r < kRows; ++r) part = static_cast<Part>(part + static_cast<Part>(row[r][k]));
      totals[k] += part;
    }
  }
  for (; i < rows; ++i) {
    const auto* x = reinterpret_cast<const T*>(in + i * row_stride);
    for (int64_t k = 0; k < n; ++k) totals[k] += static_cast<uint64_t>(x[k]);
  }
}

template <class T>
void sum_whole_columns(const ReduceBlock& b, int64_t begin, int64_t end) {
  constexpr int64_t kColumns = 512;
  for (int64_t j = begin; j < end; j += kColumns) {
    const int64_t n = std::min(kColumns, end - j);
    uint64_t totals[kColumns] = {};
    const char* in = b.in + j * b.column_stride;
    if constexpr (sizeof(T) == sizeof(uint64_t)) {
      constexpr int64_t kRows = 16;  // at a time, so that rows are read in long runs
      for (int64_t i = 0; i < b.rows; i += kRows)
        add_rows(totals, in + i * b.row_stride, n, std::min(kRows, b.rows - i), b.row_stride,
                 b.column_stride);
    } else {
      add_narrow_rows<T>(totals, in, n, b.rows, b.row_stride);
    }
    for (int64_t k = 0; k < n; ++k) add_to(b.out + (j + k) * b.out_stride, totals[k]);
  }
}

template <class T>
uint64_t sum_whole_row(const char* in, int64_t count, int64_t stride) {
  uint64_t total = 0;
  if (stride == sizeof(T)) {
    const auto* x = reinterpret_cast<const T*>(in);
    if constexpr (std::is_same_v<T, bool>) {
      for (int64_t i = 0; i < count;) {
        uint32_t part = 0;
        for (const int64_t end = std::min(count, i + (int64_t{1} << 30)); i < end; ++i) part += x[i];
        total += part;
      }
    } else {
      for (int64_t i = 0; i < count; ++i) total += static_cast<uint64_t>(x[i]);
    }
  } else {
    for (int64_t i = 0; i < count; ++i) total += static_cast<uint64_t>(load<T>(in + i * stride));
  }
  return total;
}

template <class T>
void sum_whole(const ReduceBlock& b) {
  const int64_t width = sizeof(T), row_bytes = b.rows * width;
  if (b.out_stride && b.column_stride == width && b.row_stride != width && b.columns > 1) {
    parallel_for(b.columns, grain_of(row_bytes, 64),
                 [&](int64_t begin, int64_t end) { sum_whole_columns<T>(b, begin, end); });
  } else if (b.out_stride && b.columns > 1) {
    parallel_for(b.columns, grain_of(row_bytes), [&](int64_t begin, int64_t end) {
      for (int64_t j = begin; j < end; ++j)
        add_to(b.out + j * b.out_stride, sum_whole_row<T>(b.in + j * b.column_stride, b.rows, b.row_stride));
    });
  } else {
    auto* out = reinterpret_cast<uint64_t*>(b.out);
    for (int64_t j = 0; j < b.columns; ++j)
      parallel_for(b.rows, grain_of(width), [&](int64_t begin, int64_t end) {
        const char* in = b.in + j * b.column_stride + begin * b.row_stride;
        __atomic_fetch_add(out, sum_whole_row<T>(in, end - begin, b.row_stride), __ATOMIC_RELAXED);
      });
  }
}

}  // namespace

const ReduceRow sum = {
#define X(name, type, ...)                          \
  [](const ReduceBlock& block) {                    \
    if constexpr (std::is_floating_point_v<type>) { \
      sum_real<type>(block);                        \
    } else {                                        \
      sum_whole<type>(block);                       \
    }                                               \
  },
    HINOKO_DTYPES(X)
#undef X
};

}  // namespace hinoko::kernels::HINOKO_ISA
