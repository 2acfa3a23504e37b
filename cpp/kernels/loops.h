// How the elementwise kernels are written: loops over raw operands with the common strides spelled out.
// Only the sources that are compiled per instruction set include this.
#pragma once

#include <algorithm>
#include <cstdint>

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

template <class T>
T& at(char* p, int64_t byte_offset) {
  return *reinterpret_cast<T*>(p + byte_offset);
}

// Runs f(i-th elements) with the common strides spelled out, so that the compiler can vectorise them.
template <class Out, class In, class F>
inline void loop1(int64_t n, char* const* p, const int64_t* s, F f) {
  if (s[0] == sizeof(Out) && s[1] == sizeof(In)) {
    auto* out = reinterpret_cast<Out*>(p[0]);
    const auto* x = reinterpret_cast<const In*>(p[1]);
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = f(x[i]);
    return;
  }
  if (s[0] == sizeof(Out) && s[1] == 0) {
    auto* out = reinterpret_cast<Out*>(p[0]);
    if (n) std::fill(out, out + n, static_cast<Out>(f(*reinterpret_cast<const In*>(p[1]))));
    return;
  }
  for (int64_t i = 0; i < n; ++i) at<Out>(p[0], i * s[0]) = f(at<In>(p[1], i * s[1]));
}

template <class Out, class In, class F>
inline void loop2(int64_t n, char* const* p, const int64_t* s, F f) {
  constexpr int64_t step = sizeof(In);
  if (s[0] == sizeof(Out) && (s[1] == step || s[1] == 0) && (s[2] == step || s[2] == 0) && (s[1] || s[2])) {
    auto* out = reinterpret_cast<Out*>(p[0]);
    const auto* a = reinterpret_cast<const In*>(p[1]);
    const auto* b = reinterpret_cast<const In*>(p[2]);
    if (s[1] && s[2]) {
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], b[i]);
    } else if (s[1]) {
      const In second = *b;
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], second);
    } else {
      const In first = *a;
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) out[i] = f(first, b[i]);
    }
    return;
  }
  for (int64_t i = 0; i < n; ++i) at<Out>(p[0], i * s[0]) = f(at<In>(p[1], i * s[1]), at<In>(p[2], i * s[2]));
}

template <class T, class F>
inline void loop3(int64_t n, char* const* p, const int64_t* s, F f) {
  constexpr int64_t step = sizeof(T);
  if (s[0] == step && s[1] == step && s[2] == step && s[3] == step) {
    auto* out = reinterpret_cast<T*>(p[0]);
    const auto* a = reinterpret_cast<const T*>(p[1]);
    const auto* b = reinterpret_cast<const T*>(p[2]);
    const auto* c = reinterpret_cast<const T*>(p[3]);
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], b[i], c[i]);
    return;
  }
  if (s[0] == step && s[1] == 0 && s[2] == step && s[3] == step) {  // one gradient for all, as that of a sum
    auto* out = reinterpret_cast<T*>(p[0]);
    const T a = *reinterpret_cast<const T*>(p[1]);
    const auto* b = reinterpret_cast<const T*>(p[2]);
    const auto* c = reinterpret_cast<const T*>(p[3]);
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = f(a, b[i], c[i]);
    return;
  }
  for (int64_t i = 0; i < n; ++i)
    at<T>(p[0], i * s[0]) = f(at<T>(p[1], i * s[1]), at<T>(p[2], i * s[2]), at<T>(p[3], i * s[3]));
}

// Runs `fast` on blocks where |.| <= bound for all elements of the operand p[x], and `full` on others. Both
// have the same results there, so that these do not depend on how elements fall into blocks.
template <int operands, class Fast, class Full>
inline void loop_in_blocks(int64_t n, char* const* p, const int64_t* s, int x, Fast fast, Full full,
                           float bound) {
  constexpr int64_t block = 512;
  if (s[x] != sizeof(float)) return full(n, p, s);
  for (int64_t begin = 0; begin < n; begin += block) {
    const int64_t count = n - begin < block ? n - begin : block;
    char* q[operands];
    for (int k = 0; k < operands; ++k) q[k] = p[k] + begin * s[k];
    const auto* values = reinterpret_cast<const float*>(q[x]);
    int32_t outside = 0;
    for (int64_t i = 0; i < count; ++i) outside |= !(std::fabs(values[i]) <= bound);  // nan is
    if (outside)
      full(count, q, s);
    else
      fast(count, q, s);
  }
}

}  // namespace hinoko::kernels::HINOKO_ISA
