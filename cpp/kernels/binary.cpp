// Loops of the rows of table/binary.def, and their relatives with a scalar: add with alpha, pow.
#include "kernels/loops.h"

namespace hinoko::kernels::HINOKO_ISA {

namespace {

template <class Row>
constexpr LoopRow forward() {
  return for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
    constexpr bool floating = std::is_floating_point_v<T>;
    constexpr bool known = Row::result == Result::Float || Row::form == Form::Internal ? floating
                           : Row::result == Result::Bits                               ? !floating
                                                                                       : true;
    if constexpr (known) {
      using Out = std::conditional_t<Row::result == Result::Compare, bool, T>;
      return [](int64_t n, char* const* p, const int64_t* s) {
        loop2<Out, T>(n, p, s, [](T a, T b) { return static_cast<Out>(Row::template value<T>(a, b)); });
      };
    }
    return nullptr;
  });
}

template <class Row>
constexpr LoopRow gradient_of_a() {
  return for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
    if constexpr (std::is_floating_point_v<T> && Row::keeps_a != 0)
      return [](int64_t n, char* const* p, const int64_t* s) {
        loop3<T>(n, p, s, [](T g, T a, T b) { return Row::template gradient_a<T, T>(g, a, b); });
      };
    return nullptr;
  });
}

template <class Row>
constexpr LoopRow gradient_of_b() {
  return for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
    if constexpr (std::is_floating_point_v<T> && Row::keeps_b != 0)
      return [](int64_t n, char* const* p, const int64_t* s) {
        loop3<T>(n, p, s, [](T g, T a, T b) { return Row::template gradient_b<T, T>(g, a, b); });
      };
    return nullptr;
  });
}

// Runs `loop` with x ** e as a function of x, where some exponents have a shorter way (and torch's bits).
template <class T, class F>
void with_power(T e, F loop) {
  if (e == T(1)) return loop([](T x) { return x; });
  if (e == T(2)) return loop([](T x) { return math::square(x); });
  if (e == T(3)) return loop([](T x) { return math::cube(x); });
  if (e == T(-1)) return loop([](T x) { return 1 / x; });
  if (e == T(-2)) return loop([](T x) { return 1 / (x * x); });
  if (e == T(0.5)) return loop([](T x) { return math::sqrt(x); });
  if (e == T(-0.5)) return loop([](T x) { return math::rsqrt(x); });
  loop([e](T x) { return math::pow(x, e); });
}

}  // namespace

#define HINOKO_BINARY(name, ...) forward<rows::name##_row>(),
const LoopRow binary[kBinaryCount] = {
#include "table/binary.def"
};
#undef HINOKO_BINARY

#define HINOKO_BINARY(name, ...) gradient_of_a<rows::name##_row>(),
const LoopRow gradient_a[kBinaryCount] = {
#include "table/binary.def"
};
#undef HINOKO_BINARY

#define HINOKO_BINARY(name, ...) gradient_of_b<rows::name##_row>(),
const LoopRow gradient_b[kBinaryCount] = {
#include "table/binary.def"
};
#undef HINOKO_BINARY

const LoopRow add_scaled = for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
  return [](int64_t n, char* const* p, const int64_t* s) {
    // torch rounds once: a fused multiply-add.
    loop3<T>(n, p, s, [](T a, T b, T alpha) {
      if constexpr (std::is_floating_point_v<T>) {
        return std::fma(alpha, b, a);
      } else {
        return math::add(a, math::mul(alpha, b));
      }
    });
  };
});

const LoopRow pow_scalar = for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
  return [](int64_t n, char* const* p, const int64_t* s) {
    const T e = *reinterpret_cast<const T*>(p[2]);
    if constexpr (std::is_floating_point_v<T>) {
      with_power(e, [&](auto power) { loop1<T, T>(n, p, s, power); });
    } else {
      loop1<T, T>(n, p, s, [e](T x) { return math::pow(x, e); });
    }
  };
});

const LoopRow pow_scalar_gradient = for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
  if constexpr (std::is_floating_point_v<T>)
    return [](int64_t n, char* const* p, const int64_t* s) {
      const T e = *reinterpret_cast<const T*>(p[3]);
      if (e == T(0)) return loop2<T, T>(n, p, s, [](T, T) { return T(0); });
      if (e == T(2)) return loop2<T, T>(n, p, s, [](T g, T x) { return g * (2 * x); });
      if (e == T(3)) return loop2<T, T>(n, p, s, [](T g, T x) { return g * (3 * (x * x)); });
      with_power(T(e - 1), [&](auto power) {
        loop2<T, T>(n, p, s, [e, power](T g, T x) { return g * (e * power(x)); });
      });
    };
  return nullptr;
});

const LoopRow where = for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
  return [](int64_t n, char* const* p, const int64_t* s) {
    for (int64_t i = 0; i < n; ++i)
      at<T>(p[0], i * s[0]) = at<bool>(p[1], i * s[1]) ? at<T>(p[2], i * s[2]) : at<T>(p[3], i * s[3]);
  };
});

}  // namespace hinoko::kernels::HINOKO_ISA
