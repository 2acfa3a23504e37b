// How fused derivatives hand on what they compute.
#pragma once

#include "autograd/engine.h"
#include "ops/elementwise.h"

namespace hinoko {

// Sends loop(g, x, y) along edge `i` of `node`, not recorded. It is added to the gradient that waits
// there where that is ours, else computed in the buffer of `g` where that is ours and nothing else will read
// it (`last`; then `g` is gone), else in a fresh one.
void send_gradient(Sweep& sweep, Node& node, uint32_t i, kernels::Loop loop, Tensor& g, bool last, Operand x,
                   Operand y);

}  // namespace hinoko
