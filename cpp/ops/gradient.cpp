#include "ops/gradient.h"

namespace hinoko {

namespace {
constexpr int64_t kAddFrom = 64;  // elements; below, planning costs more than a pass over memory
}

void send_gradient(Sweep& sweep, Node& node, uint32_t i, kernels::Loop loop, Tensor& g, bool last, Operand x,
                   Operand y) {
  if (g.numel() >= kAddFrom) {
    TensorImpl* const sum = sweep.gathered(node, i);
    if (sum && sum->dtype == g.dtype() && same(sum->sizes(), g.sizes()) &&
        run_loop_added(loop, sum, {g, x, y}))
      return;
  }
  Tensor out = last && is_ours(g) ? g : empty_like_operands(g.sizes(), g.dtype(), {g, x, y});
  run_loop(loop, out, {g, x, y});
  if (last) g = Tensor();
  sweep.send(node, i, std::move(out));
}

}  // namespace hinoko
