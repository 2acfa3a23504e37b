#include "kernels/index.h"

#include <cstring>

#include "kernels/math.h"

namespace hinoko::kernels {

namespace {

// Calls run_at(indexed offset, dense offset) for every run.
template <class F>
void for_each(const IndexLoop& loop, F&& run_at) {
  const size_t dims = loop.outer.size();
  Dims counter(static_cast<int64_t>(dims));
  int64_t indexed = 0, dense = 0;
  for (;;) {
    for (size_t i = 0; i < loop.indexed.size(); ++i) run_at(indexed + loop.indexed[i], dense + loop.dense[i]);
    size_t d = dims;
    for (; d-- > 0;) {
      const IndexLoop::Dimension& dim = loop.outer[d];
      const int64_t at = static_cast<int64_t>(d);
      indexed += dim.indexed;
      dense += dim.dense;
      if (++counter[at] < dim.size) break;
      indexed -= dim.indexed * dim.size;
      dense -= dim.dense * dim.size;
      counter[at] = 0;
    }
    if (d == static_cast<size_t>(-1)) return;
  }
}

// Bytes are moved by the width of an element: float32 and int32 share a loop.
template <class Word, bool put>
void move(const IndexLoop& loop, char* indexed, char* dense) {
  const IndexLoop::Dimension& run = loop.run;
  const auto copy = [](char* a, char* b) {
    Word word;
    std::memcpy(&word, put ? b : a, sizeof word);
    std::memcpy(put ? a : b, &word, sizeof word);
  };
  if (run.size == 1) {
    for_each(loop, [&](int64_t i, int64_t d) { copy(indexed + i, dense + d); });
  } else if (run.indexed == sizeof(Word) && run.dense == sizeof(Word)) {
    const size_t bytes = static_cast<size_t>(run.size) * sizeof(Word);
    for_each(loop, [&](int64_t i, int64_t d) {
      std::memcpy(put ? indexed + i : dense + d, put ? dense + d : indexed + i, bytes);
    });
  } else {
    for_each(loop, [&](int64_t i, int64_t d) {
      for (int64_t k = 0; k < run.size; ++k) copy(indexed + i + k * run.indexed, dense + d + k * run.dense);
    });
  }
}

template <bool put>
void move(DType dtype, const IndexLoop& loop, char* indexed, char* dense) {
  switch (item_size(dtype)) {
    case 1:
      return move<uint8_t, put>(loop, indexed, dense);
    case 2:
      return move<uint16_t, put>(loop, indexed, dense);
    case 4:
      return move<uint32_t, put>(loop, indexed, dense);
    default:
      return move<uint64_t, put>(loop, indexed, dense);
  }
}

}  // namespace

void index_get(DType dtype, const IndexLoop& loop, const char* from, char* to) {
  move<false>(dtype, loop, const_cast<char*>(from), to);
}

void index_put(DType dtype, const IndexLoop& loop, char* to, const char* from) {
  move<true>(dtype, loop, to, const_cast<char*>(from));
}

void index_add(DType dtype, const IndexLoop& loop, char* to, const char* from) {
  dispatch(dtype, [&]<class T>(TypeTag<T>) {
    for_each(loop, [&](int64_t i, int64_t d) {
      for (int64_t k = 0; k < loop.run.size; ++k) {
        T& place = *reinterpret_cast<T*>(to + i + k * loop.run.indexed);
        place = math::add(place, *reinterpret_cast<const T*>(from + d + k * loop.run.dense));
      }
    });
  });
}

void append_nonzero(DType dtype, const void* data, int64_t count, SmallVector<int64_t, 16>& positions) {
  dispatch(dtype, [&]<class T>(TypeTag<T>) {
    const T* values = static_cast<const T*>(data);
    for (int64_t i = 0; i < count; ++i)
      if (values[i] != T(0)) positions.push_back(i);
  });
}

}  // namespace hinoko::kernels
