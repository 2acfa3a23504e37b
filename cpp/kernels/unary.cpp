// Loops of the rows of table/unary.def.
#include "kernels/loops.h"

namespace hinoko::kernels::HINOKO_ISA {

namespace {

// Rows whose value (gradient) is shorter in float32 where x is moderate: up to which size; 0 for others.
constexpr float moderate_value(UnaryId id) {
  switch (id) {
    case UnaryId::exp:
      return math::kModerateExp;
    case UnaryId::exp2:
      return math::kModerateExp2;
    case UnaryId::sin:
    case UnaryId::cos:
    case UnaryId::tan:
      return math::kModerateAngle;
    default:
      return 0;
  }
}
constexpr float moderate_gradient(UnaryId id) {
  return id == UnaryId::sin || id == UnaryId::cos ? math::kModerateAngle : 0;
}
template <class Row, class T>
void value_loop(int64_t n, char* const* p, const int64_t* s) {
  loop1<T, T>(n, p, s, [](T x) { return static_cast<T>(Row::template value<T>(x)); });
}
template <class Row>
constexpr LoopRow forward() {
  return for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
    if constexpr (std::is_same_v<T, float> && moderate_value(Row::id) != 0) {
      return [](int64_t n, char* const* p, const int64_t* s) {
        const auto fast = [](int64_t count, char* const* q, const int64_t* strides) {
          loop1<T, T>(count, q, strides, [](T x) { return Row::value(math::Moderate{x}); });
        };
        loop_in_blocks<2>(n, p, s, 1, fast, value_loop<Row, T>, moderate_value(Row::id));
      };
    } else if constexpr (Row::result == Result::Same || std::is_floating_point_v<T>) {
      return value_loop<Row, T>;
    }
    return nullptr;
  });
}

template <class Row, class T>
void gradient_loop(int64_t n, char* const* p, const int64_t* s) {
  loop3<T>(n, p, s, [](T g, T x, T y) { return Row::template gradient<T>(g, x, y); });
}
template <class Row>
constexpr LoopRow gradient() {
  return for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
    if constexpr (std::is_same_v<T, float> && moderate_gradient(Row::id) != 0) {
      return [](int64_t n, char* const* p, const int64_t* s) {
        const auto fast = [](int64_t count, char* const* q, const int64_t* strides) {
          loop3<T>(count, q, strides,
                   [](T g, T x, T y) { return Row::template gradient<T>(g, math::Moderate{x}, y); });
        };
        loop_in_blocks<4>(n, p, s, 2, fast, gradient_loop<Row, T>, moderate_value(Row::id));
      };
    } else if constexpr (std::is_floating_point_v<T>) {
      return gradient_loop<Row, T>;
    }
    return nullptr;
  });
}

}  // namespace

#define HINOKO_UNARY(name, ...) forward<rows::name##_row>(),
const LoopRow unary[kUnaryCount] = {
#include "table/unary.def"
};
#undef HINOKO_UNARY

#define HINOKO_UNARY(name, ...) gradient<rows::name##_row>(),
const LoopRow unary_gradient[kUnaryCount] = {
#include "table/unary.def"
};
#undef HINOKO_UNARY

const LoopRow bitwise_not = for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
  if constexpr (std::is_integral_v<T>)
    return [](int64_t n, char* const* p, const int64_t* s) {
      loop1<T, T>(n, p, s, [](T x) {
        if constexpr (std::is_same_v<T, bool>)
          return !x;
        else
          return static_cast<T>(~x);
      });
    };
  return nullptr;
});

}  // namespace hinoko::kernels::HINOKO_ISA
