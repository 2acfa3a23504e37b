// Loops of the rows of table/unary.def.
#include "kernels/loops.h"

namespace hinoko::kernels::HINOKO_ISA {

namespace {

template <class Row>
constexpr LoopRow forward() {
  return for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
    if constexpr (Row::result == Result::Same || std::is_floating_point_v<T>)
      return [](int64_t n, char* const* p, const int64_t* s) {
        loop1<T, T>(n, p, s, [](T x) { return static_cast<T>(Row::template value<T>(x)); });
      };
    return nullptr;
  });
}

template <class Row>
constexpr LoopRow gradient() {
  return for_all_dtypes([]<class T>(TypeTag<T>) -> Loop {
    if constexpr (std::is_floating_point_v<T>)
      return [](int64_t n, char* const* p, const int64_t* s) {
        loop3<T>(n, p, s, [](T g, T x, T y) { return Row::template gradient<T>(g, x, y); });
      };
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
