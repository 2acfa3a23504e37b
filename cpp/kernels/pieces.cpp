// What is around cores and needs no copy per row: operands whose elements are not adjacent, and functions
// with a shorter way for some arguments.
#include <cstring>
#include <limits>

#include "kernels/loops.h"

namespace hinoko::kernels::HINOKO_ISA {

namespace {

constexpr int64_t kPiece = 512;
constexpr int kMaxOperands = 5;

template <class T>
void copy_strided(int64_t n, char* out, int64_t out_stride, const char* in, int64_t in_stride) {
  for (int64_t i = 0; i < n; ++i)
    *reinterpret_cast<T*>(out + i * out_stride) = *reinterpret_cast<const T*>(in + i * in_stride);
}
template <class T>
void fill(int64_t n, char* out, const char* in) {
  const T value = *reinterpret_cast<const T*>(in);
  auto* const to = reinterpret_cast<T*>(out);
  for (int64_t i = 0; i < n; ++i) to[i] = value;
}

}  // namespace

void copy_elements(int width, int64_t n, char* out, int64_t out_stride, const char* in, int64_t in_stride) {
  if (out_stride == width && in_stride == width) {
    std::memmove(out, in, static_cast<size_t>(n * width));
    return;
  }
  if (out_stride == width && in_stride == 0) {
    if (width == 1) return fill<uint8_t>(n, out, in);
    if (width == 4) return fill<uint32_t>(n, out, in);
    return fill<uint64_t>(n, out, in);
  }
  if (width == 1) return copy_strided<uint8_t>(n, out, out_stride, in, in_stride);
  if (width == 4) return copy_strided<uint32_t>(n, out, out_stride, in, in_stride);
  copy_strided<uint64_t>(n, out, out_stride, in, in_stride);
}

void run_in_pieces(int64_t n, char* const* p, const int64_t* s, const uint8_t* widths, int count, Core core) {
  alignas(64) char buffers[kMaxOperands][kPiece * sizeof(double)];
  char* at[kMaxOperands];
  const auto adjacent = [&](int k) { return widths[k] == 0 || s[k] == widths[k]; };
  for (int k = 0; k < count; ++k) at[k] = adjacent(k) ? p[k] : buffers[k];
  for (int k = 1; k < count; ++k)  // the same element throughout: the buffer holds for all pieces
    if (widths[k] && s[k] == 0)
      copy_elements(widths[k], n < kPiece ? n : kPiece, buffers[k], widths[k], p[k], 0);
  for (int64_t begin = 0; begin < n; begin += kPiece) {
    const int64_t here = n - begin < kPiece ? n - begin : kPiece;
    for (int k = 0; k < count; ++k)
      if (widths[k] && adjacent(k)) at[k] = p[k] + begin * widths[k];
    for (int k = 1; k < count; ++k)
      if (!adjacent(k) && s[k] != 0)
        copy_elements(widths[k], here, buffers[k], widths[k], p[k] + begin * s[k], s[k]);
    core(here, at);
    if (!adjacent(0)) copy_elements(widths[0], here, p[0] + begin * s[0], s[0], buffers[0], widths[0]);
  }
}

namespace {

int32_t largest_size(int64_t n, const float* x) {
  int32_t largest = 0;
  for (int64_t i = 0; i < n; ++i) {
    const int32_t size = size_bits(x[i]);
    largest = size > largest ? size : largest;
  }
  return largest;
}
int32_t smallest_size(int64_t n, const float* x) {
  int32_t smallest = INT32_MAX;
  for (int64_t i = 0; i < n; ++i) {
    const int32_t size = size_bits(x[i]);
    smallest = size < smallest ? size : smallest;
  }
  return smallest;
}

}  // namespace

void run_in_blocks(int64_t n, char* const* p, const Ways& ways) {
  constexpr int64_t kBlock = 2048;
  const int32_t most = size_bits(ways.range.most);
  if (n == 1) {
    if (size_bits(*reinterpret_cast<const float*>(p[ways.x])) > most) return ways.full(n, p);
    ways.moderate(n, p);
    return;
  }
  // The moderate way can look at the sizes while it runs, and be overruled, unless it overwrites an operand.
  bool separate = true;
  for (int k = 1; k < ways.operands; ++k) separate = separate && p[k] != p[0];
  bool expected = separate;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t count = n - begin < kBlock ? n - begin : kBlock;
    char* q[kMaxOperands];
    for (int k = 0; k < ways.operands; ++k) q[k] = p[k] + begin * static_cast<int64_t>(sizeof(float));
    const auto* const x = reinterpret_cast<const float*>(q[ways.x]);
    const int32_t largest = expected ? ways.moderate(count, q) : largest_size(count, x);
    const bool negligible = ways.negligible && largest <= size_bits(ways.range.negligible);
    const bool moderate = largest <= most && !negligible;
    const bool done = expected && largest <= most;
    expected = separate && moderate;
    if (done) continue;
    if (negligible) {
      ways.negligible(count, q);
    } else if (moderate) {
      ways.moderate(count, q);
    } else if (ways.saturated && largest <= size_bits(std::numeric_limits<float>::infinity()) &&
               smallest_size(count, x) >= size_bits(ways.range.beyond)) {
      ways.saturated(count, q);
    } else {
      ways.full(count, q);
    }
  }
}

}  // namespace hinoko::kernels::HINOKO_ISA
