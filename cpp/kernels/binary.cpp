// Loops of the rows of table/binary.def, and their relatives with a scalar: add with alpha, pow.
#include "kernels/loops.h"

namespace hinoko::kernels::HINOKO_ISA {

namespace {

// What is cheaper than a call, or a copy of its operand, gets code of its own for one element, and loops for
// a number on either side.
template <class F, class T>
void arithmetic_loop(int64_t n, char* const* p, const int64_t* s) {
  constexpr int64_t step = sizeof(T);
  if (n == 1) {
    *reinterpret_cast<T*>(p[0]) = F{}(*reinterpret_cast<const T*>(p[1]), *reinterpret_cast<const T*>(p[2]));
    return;
  }
  if (s[0] == step) {
    if (s[1] == step && s[2] == 0) return core_of<F, T, T, Uniform<T>>(n, p);
    if (s[1] == 0 && s[2] == step) return core_of<F, T, Uniform<T>, T>(n, p);
  }
  run_core<T, T, T>(n, p, s, core_of<F, T, T, T>);
}

template <class Row>
constexpr LoopRow forward() {
  return for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
    constexpr bool floating = std::is_floating_point_v<T>;
    constexpr bool known = Row::result == Result::Float || Row::form == Form::Internal ? floating
                           : Row::result == Result::Bits                               ? !floating
                                                                                       : true;
    constexpr bool arithmetic = Row::id == BinaryId::add || Row::id == BinaryId::sub ||
                                Row::id == BinaryId::mul || Row::id == BinaryId::div;
    if constexpr (known) {
      using Out = std::conditional_t<Row::result == Result::Compare, bool, T>;
      constexpr auto value = [](T a, T b) { return static_cast<Out>(Row::template value<T>(a, b)); };
      if constexpr (arithmetic && floating) {
        return arithmetic_loop<decltype(value), T>;
      } else {
        return loop_of<Out, T, T>(value);
      }
    }
    return nullptr;
  });
}

template <class Row>
constexpr LoopRow gradient_of_a() {
  return for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
    if constexpr (std::is_floating_point_v<T> && Row::keeps_a != 0)
      return loop_of<T, T, T, T>([](T g, T a, T b) { return Row::template gradient_a<T, T>(g, a, b); });
    return nullptr;
  });
}

template <class Row>
constexpr LoopRow gradient_of_b() {
  return for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
    if constexpr (std::is_floating_point_v<T> && Row::keeps_b != 0)
      return loop_of<T, T, T, T>([](T g, T a, T b) { return Row::template gradient_b<T, T>(g, a, b); });
    return nullptr;
  });
}

// Runs the loop that `of` makes of x ** e as a function of x and e, where some exponents have a shorter way
// (and torch's bits).
template <class T, class F>
void with_power(T e, F of) {
  if (e == T(1)) return of([](T x, T) { return x; });
  if (e == T(2)) return of([](T x, T) { return math::square(x); });
  if (e == T(3)) return of([](T x, T) { return math::cube(x); });
  if (e == T(-1)) return of([](T x, T) { return 1 / x; });
  if (e == T(-2)) return of([](T x, T) { return 1 / (x * x); });
  if (e == T(0.5)) return of([](T x, T) { return math::sqrt(x); });
  if (e == T(-0.5)) return of([](T x, T) { return math::rsqrt(x); });
  of([](T x, T exponent) { return math::pow(x, exponent); });
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
  // torch rounds once: a fused multiply-add.
  return loop_of<T, T, T, Uniform<T>>([](T a, T b, T alpha) {
    if constexpr (std::is_floating_point_v<T>) {
      return std::fma(alpha, b, a);
    } else {
      return math::add(a, math::mul(alpha, b));
    }
  });
});

const LoopRow pow_scalar = for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
  if constexpr (std::is_floating_point_v<T>) {
    return [](int64_t n, char* const* p, const int64_t* s) {
      with_power(*reinterpret_cast<const T*>(p[2]),
                 [&](auto power) { loop_of<T, T, Uniform<T>>(power)(n, p, s); });
    };
  } else {
    return loop_of<T, T, Uniform<T>>([](T x, T e) { return math::pow(x, e); });
  }
});

const LoopRow pow_scalar_gradient = for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
  if constexpr (std::is_floating_point_v<T>)
    return [](int64_t n, char* const* p, const int64_t* s) {
      const auto run = [&](auto f) { loop_of<T, T, T, Uniform<T>>(f)(n, p, s); };
      const T e = *reinterpret_cast<const T*>(p[3]);
      if (e == T(0)) return run([](T, T, T) { return T(0); });
      if (e == T(2)) return run([](T g, T x, T) { return g * (2 * x); });
      if (e == T(3)) return run([](T g, T x, T) { return g * (3 * (x * x)); });
      with_power<T>(e - 1, [&]<class Power>(Power) {
        run([](T g, T x, T exponent) { return g * (exponent * Power{}(x, exponent - 1)); });
      });
    };
  return nullptr;
});

const LoopRow where = for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
  // The condition as a byte: loops that load bool are not vectorised.
  return loop_of<T, uint8_t, T, T>([](uint8_t condition, T a, T b) { return condition ? a : b; });
});

}  // namespace hinoko::kernels::HINOKO_ISA
