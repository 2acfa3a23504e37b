// Loops of the rows of table/unary.def.
#include "kernels/loops.h"

namespace hinoko::kernels::HINOKO_ISA {

namespace {

// Rows whose value (gradient) is shorter in float32 for some sizes of x.
constexpr Range value_range(UnaryId id) {
  switch (id) {
    case UnaryId::exp:
      return {.most = math::kModerateExp};
    case UnaryId::exp2:
      return {.most = math::kModerateExp2};
    case UnaryId::sigmoid:
      return {.most = math::kModerateSigmoid,
              .negligible = math::kSmallSigmoid,
              .beyond = math::kSaturatedSigmoid};
    case UnaryId::sin:
    case UnaryId::cos:
    case UnaryId::tan:
      return {.most = math::kModerateAngle};
    default:
      return {};
  }
}
constexpr Range gradient_range(UnaryId id) {
  return {.most = id == UnaryId::sin || id == UnaryId::cos ? math::kModerateAngle : 0};
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
struct SaturatedValue {
  float operator()(float x) const { return Row::value(math::Saturated{x}); }
};
template <class Row>
struct NegligibleValue {
  float operator()(float) const { return Row::value(math::Negligible{}); }
};
template <class Row>
constexpr Ways value_ways() {
  Ways ways = {2,
               1,
               value_range(Row::id),
               core_with_largest<ModerateValue<Row>, 1>,
               core_of<Value<Row, float>, float, float>,
               nullptr,
               nullptr};
  if constexpr (value_range(Row::id).beyond != 0) ways.saturated = core_of<SaturatedValue<Row>, float, float>;
  if constexpr (value_range(Row::id).negligible != 0)
    ways.negligible = core_of<NegligibleValue<Row>, float, float>;
  return ways;
}
template <const Ways& ways>
void core_in_blocks(int64_t n, char* const* p) {
  run_in_blocks(n, p, ways);
}
template <class Row>
constexpr Ways value_ways_of = value_ways<Row>();

template <class Row>
constexpr LoopRow forward() {
  return for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
    if constexpr (std::is_same_v<T, float> && value_range(Row::id).most != 0) {
      return loop<core_in_blocks<value_ways_of<Row>>, T, T>;
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
constexpr Ways gradient_ways_of = {4,
                                   2,
                                   gradient_range(Row::id),
                                   core_with_largest<ModerateGradient<Row>, 2>,
                                   core_of<Gradient<Row, float>, float, float, float, float>,
                                   nullptr,
                                   nullptr};

template <class Row>
constexpr LoopRow gradient() {
  return for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
    if constexpr (std::is_same_v<T, float> && gradient_range(Row::id).most != 0) {
      return loop<core_in_blocks<gradient_ways_of<Row>>, T, T, T, T>;
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
