// The sweep: visits the nodes that the roots reach in descending order of creation (a topological
// order, and torch's), hands each its gathered gradient, and sums what arrives at an edge twice.
// Nothing recurses. One place for: reduction of broadcast gradients, undefined gradients,
// accumulation, hooks, and letting go of saved tensors.
#pragma once

#include <vector>

#include "autograd/meta.h"
#include "autograd/node.h"

namespace hinoko {

struct SweepOptions {
  bool keep_graph = false;
  bool create_graph = false;
};

// A callable, borrowed.
class FunctionRef {
 public:
  template <class F>
  FunctionRef(F&& f) noexcept
      : object_(const_cast<void*>(static_cast<const void*>(&f))),
        call_([](void* o) { (*static_cast<std::remove_reference_t<F>*>(o))(); }) {}
  void operator()() const { call_(object_); }

 private:
  void* object_;
  void (*call_)(void*);
};

class Sweep {
 public:
  // Sends `grad` along edge `i` of `node`. An undefined gradient is nothing.
  void send(Node& node, uint32_t i, Tensor&& grad) {
    const Edge edge = node.edges()[i];
    if (!edge.fn || !grad) return;
    if (node.extra_) [[unlikely]] {
      if (i == 0 && node.extra_->first_gradient) {
        *node.extra_->first_gradient = std::move(grad);
        return;
      }
      grad = fit(node, i, std::move(grad));
      if (collected_) {
        (*collected_)[i] = std::move(grad);
        return;
      }
    }
    gather(edge, std::move(grad));
  }
  // Whether a gradient for edge `i` is of use.
  bool needs(const Node& node, uint32_t i) const noexcept {
    const Node* fn = node.edges()[i].fn;
    return fn && (!restricted_ || fn->receives_);
  }
  // The sum gathered so far for edge `i`, where a derivative may add to it in place: nobody else sees it, and
  // what is sent along the edge arrives there as it is. Else null.
  TensorImpl* gathered(const Node& node, uint32_t i) const noexcept {
    const Edge edge = node.edges()[i];
    if (!edge.fn || edge.nr != 0 || node.extra_ || options_.create_graph) return nullptr;
    const Node& fn = *edge.fn;
    if (fn.sweep_ != id_ || !fn.queued_ || !fn.grad_) return nullptr;
    TensorImpl& sum = *fn.grad_;
    return sum.is_sole() && sum.is_contiguous() ? &sum : nullptr;
  }
  bool restricted() const noexcept { return restricted_; }  // to what leads to given inputs
  bool create_graph() const noexcept { return options_.create_graph; }
  // Runs a hook. It may sweep the same nodes, and so may another thread meanwhile: what this sweep keeps in
  // nodes is put aside until the hook is back.
  void outside(const Node& node, FunctionRef call);

 private:
  friend void backward(std::span<const Tensor>, std::span<const Tensor>, SweepOptions,
                       std::span<const Tensor>);
  friend std::vector<Tensor> gradients(std::span<const Tensor>, std::span<const Tensor>,
                                       std::span<const Tensor>, SweepOptions, bool);
  struct Target {  // an input whose gradient is asked for
    Node* fn;
    uint32_t nr;
    Tensor result;
  };
  // What a gradient looked like before a hook ran: hooks must not change it, not even behind the engine's
  // back.
  struct Look {
    bool defined = false;
    DType dtype{};
    Dims sizes;
    Look(const Tensor& t);
    bool fits(const Tensor& now) const {
      return !now || (defined && now.dtype() == dtype && same(now.sizes(), sizes));
    }
  };
  struct Parked {  // what a queued node holds
    Node* node;
    Tensor grad;
    std::vector<Tensor> others;
    std::vector<Look> looks;
  };

  Sweep(SweepOptions options) noexcept;
  ~Sweep();
  void run();
  void run_node(Node& node);
  void run_derivative(Node& node, Tensor grad, std::vector<Tensor> others);
  std::vector<Parked> park();
  void bring_back(std::vector<Parked>& parked, uint32_t sweeps_before) noexcept;
  static void check_looks(const std::vector<Look>& before, std::span<const Tensor> now, const Node& node);
  void visit(Node& node);
  void gather(Edge edge, Tensor&& grad);
  void send_roots(std::span<const Tensor> outputs, std::span<const Tensor> grad_outputs,
                  std::span<const Edge> roots);
  Tensor fit(Node& node, uint32_t i, Tensor&& grad);
  void push(Node& node);
  void run_leaf(Node& leaf) noexcept { leaf.runs_ |= leaf.sweep_ == id_; }
  void restrict_to_targets(std::span<const Edge> roots);
  Tensor run_hooks(Node& node, Tensor grad, std::vector<Tensor>& others);

  uint32_t id_;
  SweepOptions options_;
  std::vector<Tensor>* collected_ = nullptr;  // what a node with hooks sends, held back for them
  bool restricted_ = false;                   // only nodes on the way to a target are of use
  SmallVector<Node*, 16> ready_;              // a heap, the youngest node on top
  std::vector<Target> targets_;
  SmallVector<Edge, 4> roots_;  // owned references
  struct Reached {
    Node* node;
    bool receives, runs;
  };
  std::vector<Node*> reached_;  // of a restricted sweep
  std::vector<Reached> flags_;  // theirs, noted before the first hook runs
};

// torch.autograd.backward: accumulates into the leaves, or into `inputs` when there are any.
// An undefined gradient stands for ones and is allowed for one-element outputs.
void backward(std::span<const Tensor> outputs, std::span<const Tensor> grad_outputs, SweepOptions options,
              std::span<const Tensor> inputs);
// torch.autograd.grad: the gradients of `inputs`, undefined where `allow_unused` and unused.
std::vector<Tensor> gradients(std::span<const Tensor> outputs, std::span<const Tensor> grad_outputs,
                              std::span<const Tensor> inputs, SweepOptions options, bool allow_unused);

// What the engine needs of the operations (ops/ sets it; the engine knows no operation).
struct EngineOps {
  Tensor (*add)(const Tensor& a, const Tensor& b);            // recorded
  void (*add_into)(const Tensor& into, const Tensor& other);  // in place, not recorded
  Tensor (*sum_to_size)(const Tensor& t, DimSpan sizes);
  Tensor (*to_dtype)(const Tensor& t, DType dtype);
  Tensor (*clone)(const Tensor& t);                             // recorded
  Tensor (*clone_like)(const Tensor& t, const Tensor& layout);  // recorded; with the strides of `layout`
  Tensor (*ones_like)(const Tensor& t);
  Tensor (*zeros)(DimSpan sizes, DimSpan strides, DType dtype);
  Tensor (*as_strided)(const Tensor& t, DimSpan sizes, DimSpan strides, int64_t offset);  // recorded view
  void (*copy_into)(const Tensor& into, const Tensor& from);  // recorded in-place copy
};
extern EngineOps g_engine_ops;

}  // namespace hinoko
