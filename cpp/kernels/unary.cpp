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
struct Value {
  T operator()(T x) const { return static_cast<T>(Row::template value<T>(x)); }
};
template <class Row>
struct ModerateValue {
  float operator()(float x) const { return Row::value(math::Moderate{x}); }
};
template <class Row>
constexpr LoopRow forward() {
  return for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
    if constexpr (std::is_same_v<T, float> && moderate_value(Row::id) != 0) {
      return loop<core_in_blocks<core_of<ModerateValue<Row>, T, T>, core_of<Value<Row, T>, T, T>, 1,
                                 moderate_value(Row::id), T, T>,
                  T, T>;
    } else if constexpr (Row::result == Result::Same || std::is_floating_point_v<T>) {
      return loop_of<T, T>(Value<Row, T>{});
    }
    return nullptr;
  });
}

template <class Row, class T>
struct Gradient {
  T operator()(T g, T x, T y) const { return Row::template gradient<T>(g, x, y); }
};
template <class Row>
struct ModerateGradient {
  float operator()(float g, float x, float y) const {
    return Row::template gradient<float>(g, math::Moderate{x}, y);
  }
};
template <class Row>
constexpr LoopRow gradient() {
  return for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
    if constexpr (std::is_same_v<T, float> && moderate_gradient(Row::id) != 0) {
      return loop<
          core_in_blocks<core_of<ModerateGradient<Row>, T, T, T, T>, core_of<Gradient<Row, T>, T, T, T, T>, 2,
                         moderate_gradient(Row::id), T, T, T, T>,
          T, T, T, T>;
    } else if constexpr (std::is_floating_point_v<T>) {
      return loop_of<T, T, T, T>(Gradient<Row, T>{});
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
    return loop_of<T, T>([](T x) {
      if constexpr (std::is_same_v<T, bool>)
        return !x;
      else
        return static_cast<T>(~x);
    });
  return nullptr;
});

}  // namespace hinoko::kernels::HINOKO_ISA
