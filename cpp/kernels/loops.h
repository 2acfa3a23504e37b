// How the elementwise kernels are written. A row is compiled as one loop over adjacent elements (its core),
// which the compiler vectorises; operands of other strides pass through small buffers, piece by piece. So the
// code of a row exists once per type, and an element's result does not depend on strides. Only the sources
// that are compiled per instruction set include this.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "kernels/compiled.h"
#include "table/rows.h"

namespace hinoko::kernels::HINOKO_ISA {

// One entry per dtype: get(TypeTag<T>{}) returns the loop for T.
template <class F>
constexpr LoopRow for_all_dtypes(F get) {
  return {
#define X(name, type, ...) get(TypeTag<type>{}),
      HINOKO_DTYPES(X)
#undef X
  };
}

// n adjacent elements of each operand, p[0] the output.
using Core = void (*)(int64_t n, char* const* p);

// An operand that is one number for the whole loop.
template <class T>
struct Uniform {};

template <class T>
struct Operand {
  static constexpr uint8_t width = sizeof(T);
  const T* first;
  explicit Operand(const char* p) : first(reinterpret_cast<const T*>(p)) {}
  T operator[](int64_t i) const { return first[i]; }
};
template <class T>
struct Operand<Uniform<T>> {
  static constexpr uint8_t width = 0;
  T value;
  explicit Operand(const char* p) : value(*reinterpret_cast<const T*>(p)) {}
  T operator[](int64_t) const { return value; }
};

// Copies elements of 1, 4 or 8 bytes; an `in_stride` of 0 fills.
void copy_elements(int width, int64_t n, char* out, int64_t out_stride, const char* in, int64_t in_stride);

// Runs `core` over operands of any strides. widths[k] is the size of an element, 0 for a number.
void run_in_pieces(int64_t n, char* const* p, const int64_t* s, const uint8_t* widths, int count, Core core);

// Everything is inlined into a core, as what is left as a call keeps its loop from being vectorised. Late:
// where the inlining of a formula is forced (always_inline), the compiler makes branches of its selections
// first.
#define HINOKO_CORE [[gnu::flatten]]

// The core of f(a), f(a, b) or f(a, b, c).
template <class F, class Out, class A>
HINOKO_CORE void core_of(int64_t n, char* const* p) {
  auto* const out = reinterpret_cast<Out*>(p[0]);
  const Operand<A> a(p[1]);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<Out>(F{}(a[i]));
}
template <class F, class Out, class A, class B>
HINOKO_CORE void core_of(int64_t n, char* const* p) {
  auto* const out = reinterpret_cast<Out*>(p[0]);
  const Operand<A> a(p[1]);
  const Operand<B> b(p[2]);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<Out>(F{}(a[i], b[i]));
}
template <class F, class Out, class A, class B, class C>
HINOKO_CORE void core_of(int64_t n, char* const* p) {
  auto* const out = reinterpret_cast<Out*>(p[0]);
  const Operand<A> a(p[1]);
  const Operand<B> b(p[2]);
  const Operand<C> c(p[3]);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<Out>(F{}(a[i], b[i], c[i]));
}

// More than one element: at once where the operands are adjacent, else in pieces.
template <class Out, class... In>
[[gnu::noinline, gnu::noclone]] void run_core(int64_t n, char* const* p, const int64_t* s, Core core) {
  bool adjacent = s[0] == sizeof(Out);
  int k = 0;
  ((adjacent = adjacent && (++k, Operand<In>::width == 0 || s[k] == Operand<In>::width)), ...);
  if (adjacent) [[likely]]
    return core(n, p);
  static constexpr uint8_t widths[] = {sizeof(Out), Operand<In>::width...};
  run_in_pieces(n, p, s, widths, 1 + static_cast<int>(sizeof...(In)), core);
}

// The core once, wherever it is called from.
template <Core core>
[[gnu::noinline, gnu::noclone]] void apart(int64_t n, char* const* p) {
  core(n, p);
}

// The loop around a core. There are as many as cores: each is but two jumps.
template <Core core, class Out, class... In>
void loop(int64_t n, char* const* p, const int64_t* s) {
  if (n == 1) return apart<core>(n, p);
  run_core<Out, In...>(n, p, s, apart<core>);
}

// The loop of a function without state.
template <class Out, class... In, class F>
constexpr Loop loop_of(F) {
  return loop<core_of<F, Out, In...>, Out, In...>;
}

// Which sizes of an argument have a shorter way with the same results. 0: none.
struct Range {
  float most = 0;
  float negligible = 0;  // up to here the result is that of 0
  float beyond = 0;      // from here to infinity the result depends on the sign alone
};

// Sizes are ordered as their bits; nan is above all.
inline int32_t size_bits(float x) { return std::bit_cast<int32_t>(x) & 0x7fffffff; }

// The core of a function of float32 operands that finds the largest size in p[x] besides.
template <class F, int x>
HINOKO_CORE int32_t core_with_largest(int64_t n, char* const* p) {
  auto* const out = reinterpret_cast<float*>(p[0]);
  int32_t largest = 0;
  const auto run = [&](auto f, const auto*... in) {
    const auto* const values = reinterpret_cast<const float*>(p[x]);
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) {
      const int32_t size = size_bits(values[i]);
      largest = size > largest ? size : largest;
      out[i] = f(in[i]...);
    }
  };
  if constexpr (std::is_invocable_v<F, float>) {
    run(F{}, reinterpret_cast<const float*>(p[1]));
  } else {
    run(F{}, reinterpret_cast<const float*>(p[1]), reinterpret_cast<const float*>(p[2]),
        reinterpret_cast<const float*>(p[3]));
  }
  return largest;
}

// The ways of a function of float32 operands, by the sizes of p[x]. All have the same results where they
// apply, so that these do not depend on how elements fall into blocks.
struct Ways {
  int operands;  // the output among them
  int x;
  Range range;
  int32_t (*moderate)(int64_t, char* const*);  // core_with_largest
  Core full, saturated, negligible;            // the last two: null without a range
};

// Runs the shortest way on each block of elements.
void run_in_blocks(int64_t n, char* const* p, const Ways& ways);

}  // namespace hinoko::kernels::HINOKO_ISA
