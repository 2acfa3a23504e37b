// Conversion between element types; cast[T][T] is the strided copy.
#include <cstring>

#include "kernels/loops.h"

namespace hinoko::kernels::HINOKO_ISA {

namespace {

template <class From>
constexpr LoopRow casts_from() {
  return for_all_dtypes([]<class To>(TypeTag<To>) -> Loop {
    return [](int64_t n, char* const* p, const int64_t* s) {
      if constexpr (std::is_same_v<From, To>) {
        if (s[0] == sizeof(To) && s[1] == sizeof(To)) {
          if (n) std::memmove(p[0], p[1], static_cast<size_t>(n) * sizeof(To));
          return;
        }
      }
      loop1<To, From>(n, p, s, [](From x) { return convert<To>(x); });
    };
  });
}

}  // namespace

const LoopRow cast[kNumDTypes] = {
#define X(name, type, ...) casts_from<type>(),
    HINOKO_DTYPES(X)
#undef X
};

}  // namespace hinoko::kernels::HINOKO_ISA
