// The interface of the SGD update loop. The roundings are those of Note [Roundings of SGD] in sgd.cpp.
#pragma once

#include <cstdint>

namespace hinoko::kernels {

struct SgdCall {
  double lr, momentum, dampening, weight_decay;
  bool nesterov, maximize;
  bool first;  // the momentum buffer is new and uninitialised: it becomes a copy of the gradient
};

// `buffer` is null exactly if there is no momentum. The buffers do not overlap.
template <class T>
using SgdLoop = void (*)(int64_t n, T* param, const T* grad, T* buffer, const SgdCall& call);

struct SgdTable {
  SgdLoop<float> float32;
  SgdLoop<double> float64;
};

}  // namespace hinoko::kernels
