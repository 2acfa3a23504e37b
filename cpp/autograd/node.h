// Node: one recorded operation. It knows its inputs' nodes (edges) and what its derivative needs
// (saved tensors); it does not know its outputs. Nodes are made by operations (ops/), swept by the
// engine (autograd/engine.h) in descending order of `sequence`, and freed without recursion.
//
// An operation with structure writes its derivative beside its forward:
//
//   struct TBackward final : NodeOf<1> {
//     const char* name() const override { return "TBackward0"; }
//     void backward(Tensor g, Sweep& sweep) override { sweep.send(*this, 0, t(g)); }
//   };
//   ...
//   if (needs_grad(x)) record(out, new TBackward, x);
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "autograd/grad_mode.h"
#include "tensor/tensor.h"

namespace hinoko {

class Sweep;
class Node;

// Where a gradient goes: output `nr` of node `fn`. Owned by the node that holds it.
struct Edge {
  Node* fn;
  uint32_t nr;
};

// Called with a gradient; an undefined result keeps it.
struct Hook {
  virtual ~Hook() = default;
  virtual Tensor call(const Tensor& grad) = 0;
};
struct HookEntry {
  uint32_t nr;  // which output of the node
  std::shared_ptr<Hook> hook;
};

// Called around a node with all its gradients: grad_fn.register_prehook / register_hook.
struct NodeHook {
  virtual ~NodeHook() = default;
  // A prehook (`results` null) may replace `gradients`, those of the outputs; a hook may replace `results`,
  // those for the inputs.
  virtual void call(std::vector<Tensor>& gradients, std::vector<Tensor>* results) = 0;
};
// Whatever the bindings keep on a node for the user.
struct NodeNotes {
  virtual ~NodeNotes() = default;
};

// What the gradient sent along an edge must look like, where that is not plain from the output.
struct InputShape {
  DType dtype;
  Dims sizes;
};

// The rare parts of a node, allocated when one of them is needed.
struct NodeExtra : Pooled {
  std::vector<HookEntry> hooks;                     // of tensors that are outputs of this node
  std::vector<std::shared_ptr<NodeHook>> prehooks;  // of the node itself
  std::vector<std::shared_ptr<NodeHook>> posthooks;
  std::shared_ptr<NodeNotes> notes;
  struct Retained {
    uint32_t nr;
    TensorImpl* tensor;  // not owned: cleared when the tensor dies
  };
  std::vector<Retained> retained;        // outputs that keep their gradient
  std::vector<InputShape> input_shapes;  // of all edges, or empty
  std::vector<Tensor> gradients;         // gathered for outputs 1.. during a sweep
  Tensor* first_gradient = nullptr;      // during CopySlices: takes the gradient of edge 0
  Node* slices = nullptr;                // the CopySlices that owns this node
  void* handle = nullptr;                // the binding's object for this node, not owned
};

class Node : public Pooled {
 public:
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  virtual ~Node();

  virtual const char* name() const = 0;  // torch's: "MulBackward0"
  // What torch's own C++ nodes call themselves: "torch::autograd::CopySlices".
  virtual const char* full_name() const { return name(); }
  // Sends a gradient along each edge. `grad` is that of output 0 and may be undefined only where a
  // node has several outputs; those of outputs 1.. are in extra->gradients.
  virtual void backward(Tensor grad, Sweep& sweep) = 0;
  virtual void release_saved() noexcept {}
  // Whether the gradient goes into a computation and nowhere else: it is neither shown nor handed on.
  virtual bool spends_gradient() const noexcept { return false; }
  // torch lists an edge for a scalar operand too, though nothing flows there.
  virtual int listed_edges() const { return static_cast<int>(edge_count_); }

  void ref() noexcept { ++refs_; }
  void unref() noexcept {
    if (--refs_ == 0) release(this);
  }
  uint32_t refs() const noexcept { return refs_; }

  Edge* edges() noexcept { return reinterpret_cast<Edge*>(reinterpret_cast<char*>(this) + edge_offset_); }
  const Edge* edges() const noexcept { return const_cast<Node*>(this)->edges(); }
  uint32_t edge_count() const noexcept { return edge_count_; }
  uint64_t sequence() const noexcept { return sequence_; }
  bool is_accumulator() const noexcept { return sequence_ == 0; }
  // After the edges are known: getting an edge can make a node (grad_fn of a view), which must be the older.
  void set_sequence() noexcept { sequence_ = ++g_sequence; }
  NodeExtra& extra() {
    if (!extra_) extra_ = new NodeExtra;
    return *extra_;
  }
  NodeExtra* extra_or_null() const noexcept { return extra_; }
  bool freed() const noexcept { return freed_; }

 protected:
  Node(uint32_t edge_count, size_t edge_offset) noexcept
      : edge_count_(edge_count), edge_offset_(static_cast<uint16_t>(edge_offset)), sequence_(kUnlinked) {}

 private:
  friend class Sweep;
  friend class VariadicNode;
  friend struct AccumulateGrad;
  static void release(Node* node) noexcept;
  static uint64_t g_sequence;
  static constexpr uint64_t kUnlinked = ~uint64_t{0};

  RefCount refs_ = 1;
  uint32_t edge_count_;
  uint32_t sweep_ = 0;  // the last sweep that reached this node
  uint16_t edge_offset_;
  bool freed_ = false;  // saved tensors were let go by a sweep
  // Set during a sweep:
  bool queued_ = false;
  bool receives_ = true;  // a gradient for this node is of use
  bool runs_ = true;      // and its derivative, too
  uint64_t sequence_;     // above those of all nodes that edges lead to; 0 for accumulators, which go last
  union {
    TensorImpl* grad_ = nullptr;  // gathered for output 0 during a sweep, owned
    Node* next_dead_;             // while waiting to be deleted
  };
  NodeExtra* extra_ = nullptr;
};

// A node with a fixed number of edges, which follow the base.
template <int N>
class NodeOf : public Node {
 public:
  NodeOf() noexcept : Node(N, sizeof(Node)) {
    for (Edge& e : edges_of_) e = {nullptr, 0};
  }
  Edge* edges() noexcept { return edges_of_; }
  const Edge* edges() const noexcept { return edges_of_; }

 private:
  Edge edges_of_[N];
};
static_assert(sizeof(NodeOf<1>) == sizeof(Node) + sizeof(Edge), "edges follow the base");

// A node whose number of edges is known at run time: edges live behind the object.
//   auto* node = VariadicNode::make<CatBackward>(count, ...);
class VariadicNode : public Node {
 public:
  template <class T, class... Args>
  static T* make(uint32_t count, Args&&... args) {
    const size_t head = (sizeof(T) + 15) / 16 * 16;
    void* block = pool_alloc(head + count * sizeof(Edge));
    T* node = nullptr;
    try {
      node = new (block) T(count, std::forward<Args>(args)...);
    } catch (...) {
      pool_free(block, head + count * sizeof(Edge));
      throw;
    }
    auto* base = static_cast<VariadicNode*>(node);
    base->set_edges(head, head + count * sizeof(Edge));
    return node;
  }
  static void operator delete(VariadicNode* node, std::destroying_delete_t) noexcept {
    const size_t bytes = node->bytes_;
    node->~VariadicNode();
    pool_free(node, bytes);
  }

 protected:
  explicit VariadicNode(uint32_t count) noexcept : Node(count, 0) {}

 private:
  void set_edges(size_t head, size_t bytes) noexcept;
  size_t bytes_ = 0;
};

// Where the gradient of `t` goes; {null, 0} when it needs none. Takes a reference.
Edge gradient_edge(const Tensor& t);

inline bool needs_grad(const Tensor& a) { return a.requires_grad() && grad_enabled(); }
inline bool needs_grad(const Tensor& a, const Tensor& b) {
  return ((a->flags | b->flags) & (kRequiresGrad | kIsView)) && grad_enabled() &&
         (a.requires_grad() || b.requires_grad());
}
template <class... T>
bool needs_grad(const Tensor& a, const Tensor& b, const Tensor& c, const T&... rest) {
  return grad_enabled() &&
         (a.requires_grad() || b.requires_grad() || c.requires_grad() || (rest.requires_grad() || ...));
}

// Makes `node` (whose reference is taken over) the producer of `out`.
inline void set_producer(TensorImpl& out, Node* node, uint32_t nr = 0) {
  out.grad_fn = node;
  out.output_nr = nr;
  out.flags |= kRequiresGrad;
}
// The same for a new node, whose edges are known.
inline void set_history(const Tensor& out, Node* node, uint32_t nr = 0) {
  node->set_sequence();
  set_producer(*out, node, nr);
}

// Notes the shape and dtype of `inputs` where a gradient of the output's shape would not fit.
void note_input_shapes(Node& node, DType out_dtype, DimSpan out_sizes,
                       std::initializer_list<const Tensor*> inputs);

// A node while it is linked: gradient_edge may throw, and then the node goes with what it holds.
//   auto node = new_node<MulBackward>(...);
//   node->edges()[0] = gradient_edge(x);
//   set_history(out, node.release());
template <class N, class... Args>
Ref<N> new_node(Args&&... args) {
  if constexpr (sizeof...(Args) == 0) {
    return Ref<N>::steal(new N);  // "N()" would first fill the block with zeros
  } else {
    return Ref<N>::steal(new N(std::forward<Args>(args)...));
  }
}

// Links `node` to its inputs and makes it the producer of `out`. The operations see to it that the
// gradient they send has the input's shape, unless it is the broadcast output's (`note_input_shapes`).
template <class... Inputs>
void record(const Tensor& out, Node* node, const Inputs&... inputs) {
  set_producer(*out, node);  // first, so that `out` owns the node if an input has no edge to give
  Edge* e = node->edges();
  ((*e++ = gradient_edge(inputs)), ...);
  node->set_sequence();
}

}  // namespace hinoko
