// Moving the elements that an extreme or a gather chose along a dimension.
#include "kernels/reduce.h"

namespace hinoko::kernels {

namespace {

template <class T, bool kScatter>
void move_chosen(char* out, const char* in, const int64_t* index, int64_t outer, int64_t size,
                 int64_t inner) {
  auto* to = reinterpret_cast<T*>(out);
  const auto* from = reinterpret_cast<const T*>(in);
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      const int64_t one = o * inner + i, whole = (o * size + index[one]) * inner + i;
      if constexpr (kScatter) {
        to[whole] = from[one];
      } else {
        to[one] = from[whole];
      }
    }
}

template <bool kScatter>
void move_by_width(size_t width, char* out, const char* in, const int64_t* index, int64_t outer, int64_t size,
                   int64_t inner) {
  switch (width) {
    case 1:
      return move_chosen<uint8_t, kScatter>(out, in, index, outer, size, inner);
    case 2:
      return move_chosen<uint16_t, kScatter>(out, in, index, outer, size, inner);
    case 4:
      return move_chosen<uint32_t, kScatter>(out, in, index, outer, size, inner);
    default:
      return move_chosen<uint64_t, kScatter>(out, in, index, outer, size, inner);
  }
}

}  // namespace

void gather(size_t width, char* out, const char* in, const int64_t* index, int64_t outer, int64_t size,
            int64_t inner) {
  move_by_width<false>(width, out, in, index, outer, size, inner);
}
void scatter(size_t width, char* out, const char* in, const int64_t* index, int64_t outer, int64_t size,
             int64_t inner) {
  move_by_width<true>(width, out, in, index, outer, size, inner);
}

}  // namespace hinoko::kernels
