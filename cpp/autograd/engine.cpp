#include "autograd/engine.h"

#include <algorithm>

namespace hinoko {

EngineOps g_engine_ops;

namespace {

uint32_t g_sweep_count = 0;
constexpr int kMaxDepth = 100;  // each level takes room on the stack
thread_local int g_depth = 0;   // hooks that are running, one inside of the other

Tensor take(TensorImpl*& slot) { return Tensor::steal(std::exchange(slot, nullptr)); }

// Sums two gradients for one edge. Without create_graph a buffer that nobody else sees is reused.
Tensor sum_gradients(Tensor&& gathered, Tensor&& fresh, bool create_graph) {
  const auto& ops = g_engine_ops;
  if (create_graph) return ops.add(gathered, fresh);
  const auto owned = [](const Tensor& t) { return t.is_sole() && t.is_contiguous(); };
  if (gathered.dtype() == fresh.dtype() && same(gathered.sizes(), fresh.sizes())) {
    if (owned(gathered)) {
      ops.add_into(gathered, fresh);
      return std::move(gathered);
    }
    if (owned(fresh)) {  // a + b == b + a, to the bit
      ops.add_into(fresh, gathered);
      return std::move(fresh);
    }
  }
  return ops.add(gathered, fresh);
}

}  // namespace

Sweep::Sweep(SweepOptions options) noexcept : id_(++g_sweep_count), options_(options) {}

Sweep::~Sweep() {
  for (Node* node : ready_) {  // only after an exception
    if (node->sweep_ != id_) continue;
    node->queued_ = false;
    const Tensor dropped = take(node->grad_);
    if (node->extra_) std::vector<Tensor>().swap(node->extra_->gradients);
  }
  for (const Edge& e : roots_)
    if (e.fn) e.fn->unref();
}

void Sweep::visit(Node& node) {
  // Sweeps take turns at hooks only (`outside`); what a dying object's code starts in between must keep away.
  if (node.queued_) [[unlikely]]
    fail("a backward pass over this graph is under way");
  node.sweep_ = id_;
  node.receives_ = node.runs_ = !restricted_;
}

Sweep::Look::Look(const Tensor& t) {
  if (!t) return;
  defined = true;
  dtype = t.dtype();
  sizes = Dims(t.sizes());
}

void Sweep::check_looks(const std::vector<Look>& before, std::span<const Tensor> now, const Node& node) {
  for (size_t i = 0; i < before.size() && i < now.size(); ++i) {
    if (before[i].fits(now[i])) continue;
    fail("Function ", node.name(), " returned an invalid gradient at index ", i, " - a hook made it ",
         type_name(now[i]), " of shape ", now[i].sizes(), " but expected shape ", before[i].sizes.span(),
         " as before");
  }
}

std::vector<Sweep::Parked> Sweep::park() {
  if (restricted_ && flags_.empty())
    for (Node* node : reached_) flags_.push_back({node, node->receives_, node->runs_});
  std::vector<Parked> parked;
  parked.reserve(ready_.size());
  for (Node* node : ready_) {
    Parked& p = parked.emplace_back();
    p.node = node;
    p.looks.emplace_back(p.grad = take(node->grad_));
    if (node->extra_) p.others = std::exchange(node->extra_->gradients, {});
    for (const Tensor& g : p.others) p.looks.emplace_back(g);
    node->queued_ = false;
  }
  return parked;
}

void Sweep::bring_back(std::vector<Parked>& parked, uint32_t sweeps_before) noexcept {
  if (g_sweep_count != sweeps_before) {
    for (const Reached& r : flags_) {
      r.node->sweep_ = id_;
      r.node->receives_ = r.receives;
      r.node->runs_ = r.runs;
    }
  }
  for (Parked& p : parked) {
    p.node->grad_ = p.grad.release();
    if (p.node->extra_) p.node->extra_->gradients = std::move(p.others);
    p.node->queued_ = true;
    if (p.node->sweep_ == id_) continue;
    p.node->sweep_ = id_;
    p.node->receives_ = p.node->runs_ = true;
  }
}

void Sweep::outside(const Node& node, FunctionRef call) {
  struct Turn {
    Sweep& sweep;
    const uint32_t before;
    std::vector<Parked> parked;
    ~Turn() {
      sweep.bring_back(parked, before);
      --g_depth;
    }
  };
  if (g_depth >= kMaxDepth) fail("backward passes inside of hooks are nested too deeply");
  ++g_depth;
  Turn turn{*this, g_sweep_count, park()};
  call();
  for (const Parked& p : turn.parked) {
    check_looks(p.looks, {&p.grad, 1}, node);
    if (p.looks.size() > 1) check_looks({p.looks.begin() + 1, p.looks.end()}, p.others, node);
  }
}

void Sweep::push(Node& node) {
  node.queued_ = true;
  ready_.push_back(&node);
  // A chain keeps one node in the heap; then there is nothing to order.
  if (ready_.size() > 1)
    std::push_heap(ready_.begin(), ready_.end(),
                   [](const Node* a, const Node* b) { return a->sequence_ < b->sequence_; });
}

void Sweep::gather(Edge edge, Tensor&& grad) {
  Node& node = *edge.fn;
  if (node.sweep_ != id_) visit(node);
  if (!node.receives_) return;
  if (!node.queued_) push(node);
  if (edge.nr == 0) [[likely]] {
    if (!node.grad_) {
      node.grad_ = grad.release();
    } else {
      Tensor sum = sum_gradients(take(node.grad_), std::move(grad), options_.create_graph);
      node.grad_ = sum.release();
    }
    return;
  }
  auto& others = node.extra().gradients;
  if (others.size() < edge.nr) others.resize(edge.nr);
  Tensor& slot = others[edge.nr - 1];
  slot = slot ? sum_gradients(std::move(slot), std::move(grad), options_.create_graph) : std::move(grad);
}

Tensor Sweep::fit(Node& node, uint32_t i, Tensor&& grad) {
  const auto& shapes = node.extra_->input_shapes;
  if (shapes.empty()) return std::move(grad);
  const InputShape& shape = shapes[i];
  Tensor out = std::move(grad);
  if (!same(out.sizes(), shape.sizes)) out = g_engine_ops.sum_to_size(out, shape.sizes);
  if (out.dtype() != shape.dtype) out = g_engine_ops.to_dtype(out, shape.dtype);
  return out;
}

Tensor Sweep::run_hooks(Node& node, Tensor grad, std::vector<Tensor>& others) {
  const auto call = [&](const std::vector<HookEntry>& hooks, uint32_t nr, Tensor g) {
    const auto copy = hooks;  // a hook may remove hooks
    for (const HookEntry& h : copy) {
      if (h.nr != nr || !g) continue;
      const std::vector<Look> before{g};
      outside(node, [&] {
        if (Tensor replaced = h.hook->call(g)) g = std::move(replaced);
      });
      check_looks(before, {&g, 1}, node);
    }
    return g;
  };
  if (node.is_accumulator()) {
    const AutogradMeta* meta = static_cast<AccumulateGrad&>(node).variable->meta;
    if (!meta->hooks.empty()) grad = call(meta->hooks, 0, std::move(grad));
    return grad;
  }
  NodeExtra* extra = node.extra_;
  if (!extra) return grad;
  if (!extra->hooks.empty()) {
    grad = call(extra->hooks, 0, std::move(grad));
    for (size_t i = 0; i < others.size(); ++i)
      others[i] = call(extra->hooks, static_cast<uint32_t>(i + 1), std::move(others[i]));
  }
  if (!extra->prehooks.empty()) {
    std::vector<Tensor> all;
    all.push_back(std::move(grad));
    for (Tensor& g : others) all.push_back(std::move(g));
    const std::vector<Look> before(all.begin(), all.end());
    for (const auto& h : std::vector<std::shared_ptr<NodeHook>>(extra->prehooks)) {
      outside(node, [&] { h->call(all, nullptr); });
      check_looks(before, all, node);
    }
    grad = std::move(all[0]);
    for (size_t i = 0; i < others.size(); ++i) others[i] = std::move(all[i + 1]);
  }
  for (const auto& r : std::vector<NodeExtra::Retained>(extra->retained)) {
    const Tensor& g = r.nr == 0 ? grad : r.nr <= others.size() ? others[r.nr - 1] : Tensor();
    if (!g || !r.tensor) continue;
    AutogradMeta& meta = meta_of(*r.tensor);
    meta.grad = meta.grad ? g_engine_ops.add(meta.grad, g) : g_engine_ops.clone(g);
  }
  return grad;
}

void Sweep::run_derivative(Node& node, Tensor grad, std::vector<Tensor> others) {
  if (!node.extra_) return node.backward(std::move(grad), *this);
  const auto derive = [&](Tensor g) {
    struct Lent {  // a node with several outputs finds the other gradients in its extra part
      Node& node;
      ~Lent() { std::vector<Tensor>().swap(node.extra_->gradients); }
    } lent{node};
    node.extra_->gradients = others;
    node.backward(std::move(g), *this);
  };
  if (node.extra_->posthooks.empty()) return derive(std::move(grad));
  std::vector<Tensor> outputs, results(node.edge_count_);
  outputs.push_back(grad);
  outputs.insert(outputs.end(), others.begin(), others.end());
  // CopySlices runs another node inside; what that sends is not this node's.
  std::vector<Tensor>* const before = std::exchange(collected_, &results);
  try {
    derive(std::move(grad));
  } catch (...) {
    collected_ = before;
    throw;
  }
  collected_ = before;
  const std::vector<Look> looks(results.begin(), results.end());
  for (const auto& h : std::vector<std::shared_ptr<NodeHook>>(node.extra_->posthooks)) {
    outside(node, [&] { h->call(outputs, &results); });
    check_looks(looks, results, node);
  }
  for (uint32_t i = 0; i < node.edge_count_; ++i)
    if (const Edge e = node.edges()[i]; e.fn && results[i]) gather(e, std::move(results[i]));
}

void Sweep::run_node(Node& node) {
  Tensor grad = take(node.grad_);
  node.queued_ = false;
  const bool runs = node.runs_;
  std::vector<Tensor> others;
  if (node.extra_ || node.is_accumulator()) {
    if (node.extra_) others = std::exchange(node.extra_->gradients, {});
    grad = run_hooks(node, std::move(grad), others);
  }
  if (!targets_.empty()) {
    for (Target& t : targets_) {
      if (t.fn != &node) continue;
      if (t.nr == 0) {
        t.result = grad;
      } else if (t.nr <= others.size()) {
        t.result = others[t.nr - 1];
      }
    }
  }
  if (!runs) return;
  // A hook may have taken the gradient away.
  if (grad || std::any_of(others.begin(), others.end(), [](const Tensor& t) { return t.defined(); }))
    run_derivative(node, std::move(grad), std::move(others));
  if (!options_.keep_graph) {
    node.release_saved();
    node.freed_ = true;
  }
}

void Sweep::run() {
  const GradModeGuard guard(options_.create_graph);
  const auto younger = [](const Node* a, const Node* b) { return a->sequence_ < b->sequence_; };
  while (!ready_.empty()) {
    if (ready_.size() > 1) std::pop_heap(ready_.begin(), ready_.end(), younger);
    Node* node = ready_.back();
    ready_.pop_back();
    if (node->sweep_ != id_ || !node->queued_) [[unlikely]]
      fail("another backward pass took over this graph");
    run_node(*node);
  }
}

void Sweep::restrict_to_targets(std::span<const Edge> roots) {
  restricted_ = true;
  std::vector<Node*> stack;
  std::vector<Node*>& reached = reached_;
  const auto reach = [&](Node* node) {
    if (!node || node->sweep_ == id_) return;
    visit(*node);
    reached.push_back(node);
    stack.push_back(node);
  };
  for (const Edge& e : roots) reach(e.fn);
  while (!stack.empty()) {
    Node* node = stack.back();
    stack.pop_back();
    for (uint32_t i = 0; i < node->edge_count_; ++i) reach(node->edges()[i].fn);
  }
  for (const Target& t : targets_)
    if (t.fn && t.fn->sweep_ == id_) t.fn->receives_ = true;
  std::sort(reached.begin(), reached.end(),
            [](const Node* a, const Node* b) { return a->sequence_ < b->sequence_; });
  for (Node* node : reached) {
    for (uint32_t i = 0; i < node->edge_count_; ++i) {
      const Node* fn = node->edges()[i].fn;
      if (fn && fn->receives_) node->receives_ = node->runs_ = true;
    }
  }
}

void Sweep::send_roots(std::span<const Tensor> outputs, std::span<const Tensor> grad_outputs,
                       std::span<const Edge> roots) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    Tensor grad;
    if (i < grad_outputs.size() && grad_outputs[i]) {
      grad = grad_outputs[i];
      if (grad.dtype() != outputs[i].dtype()) grad = g_engine_ops.to_dtype(grad, outputs[i].dtype());
    } else {
      grad = g_engine_ops.ones_like(outputs[i]);
    }
    gather(roots[i], std::move(grad));
  }
}

namespace {

void check_roots(std::span<const Tensor> outputs, std::span<const Tensor> grad_outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& y = outputs[i];
    const Tensor g = i < grad_outputs.size() ? grad_outputs[i] : Tensor();
    if (g && !same(g.sizes(), y.sizes())) {
      const auto tuple = [](DimSpan sizes) { return cat("torch.Size(", sizes, ")"); };
      fail("Mismatch in shape: grad_output[", i, "] has a shape of ", tuple(g.sizes()), " and output[", i,
           "] has a shape of ", tuple(y.sizes()), ".");
    }
    if (!g && y.requires_grad()) {
      if (y.numel() != 1) fail("grad can be implicitly created only for scalar outputs");
    }
  }
  for (size_t i = 0; i < outputs.size(); ++i)
    if (!outputs[i].requires_grad())
      fail("element ", i, " of tensors does not require grad and does not have a grad_fn");
}

}  // namespace

void backward(std::span<const Tensor> outputs, std::span<const Tensor> grad_outputs, SweepOptions options,
              std::span<const Tensor> inputs) {
  check_roots(outputs, grad_outputs);
  Sweep sweep(options);
  for (const Tensor& y : outputs) sweep.roots_.push_back(gradient_edge(y));
  if (!inputs.empty()) {
    std::vector<Node*> leaves;
    for (const Tensor& x : inputs) {
      if (!x.requires_grad()) fail("One of the differentiated Tensors does not require grad");
      if (!x.is_leaf()) retain_grad(x);
      const Edge e = gradient_edge(x);
      sweep.targets_.push_back({e.fn, e.nr, Tensor()});
      if (e.fn->is_accumulator()) leaves.push_back(e.fn);
      e.fn->unref();  // the input keeps it alive
    }
    sweep.restrict_to_targets(sweep.roots_.span());
    for (Node* leaf : leaves) sweep.run_leaf(*leaf);
  }
  const GradModeGuard guard(options.create_graph);
  sweep.send_roots(outputs, grad_outputs, sweep.roots_.span());
  sweep.run();
}

std::vector<Tensor> gradients(std::span<const Tensor> outputs, std::span<const Tensor> grad_outputs,
                              std::span<const Tensor> inputs, SweepOptions options, bool allow_unused) {
  for (const Tensor& x : inputs)
    if (!x.requires_grad()) {
      check_roots(outputs, grad_outputs);
      fail("One of the differentiated Tensors does not require grad");
    }
  check_roots(outputs, grad_outputs);
  Sweep sweep(options);
  for (const Tensor& y : outputs) sweep.roots_.push_back(gradient_edge(y));
  sweep.targets_.reserve(inputs.size());
  for (const Tensor& x : inputs) {
    const Edge e = gradient_edge(x);
    sweep.targets_.push_back({e.fn, e.nr, Tensor()});
    e.fn->unref();
  }
  sweep.restrict_to_targets(sweep.roots_.span());
  const GradModeGuard guard(options.create_graph);
  sweep.send_roots(outputs, grad_outputs, sweep.roots_.span());
  sweep.run();
  std::vector<Tensor> out;
  out.reserve(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    Tensor& result = sweep.targets_[i].result;
    if (!result && !allow_unused)
      fail("The differentiated Tensor at index ", i,
           " appears to not have been used in the graph. Set allow_unused=True if this is the desired "
           "behavior.");
    out.push_back(std::move(result));
  }
  return out;
}

}  // namespace hinoko
