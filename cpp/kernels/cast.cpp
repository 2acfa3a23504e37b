// Conversion between element types; cast[T][T] is the strided copy.
#include "kernels/loops.h"

namespace hinoko::kernels::HINOKO_ISA {

namespace {

template <class From>
constexpr LoopRow casts_from() {
  return for_all_dtypes([]<class To>(TypeTag<To>) -> Loop {
    if constexpr (std::is_same_v<From, To>) {
      return [](int64_t n, char* const* p, const int64_t* s) {
        copy_elements(sizeof(To), n, p[0], n == 1 ? sizeof(To) : s[0], p[1], n == 1 ? sizeof(To) : s[1]);
      };
    } else {
      return loop_of<To, From>([](From x) { return convert<To>(x); });
    }
  });
}

}  // namespace

const LoopRow cast[kNumDTypes] = {
#define X(name, type, ...) casts_from<type>(),
    HINOKO_DTYPES(X)
#undef X
};

}  // namespace hinoko::kernels::HINOKO_ISA
