// Elementwise operations of one tensor: what a row of table/unary.def becomes. The derivative runs as one
// fused loop over the formula; under create_graph the same formula runs on tensors and records itself.
#include "autograd/engine.h"
#include "autograd/saved.h"
#include "ops/gradient.h"
#include "ops/ops.h"

namespace hinoko {

namespace {

template <class Row>
struct UnaryNode final : NodeOf<1> {
  const char* name() const override { return Row::node; }
  bool spends_gradient() const noexcept override { return Row::keeps != KeepNone; }
  void release_saved() noexcept override { saved.reset(); }
  void backward(Tensor g, Sweep& sweep) override {
    if (grad_enabled()) {
      const Tensor kept = Row::keeps == KeepNone ? Tensor() : saved.unpack(*this);
      sweep.send(*this, 0, Row::template gradient<Tensor>(g, kept, kept));
      return;
    }
    // The loop reads at most one of x and y; the other operand is never looked at.
    const TensorImpl& kept = Row::keeps == KeepNone ? *g : saved.peek(*this);
    const kernels::Loop loop = kernels::pick(kernels::unary_gradient[static_cast<int>(Row::id)], g.dtype());
    if (g.numel() == 1 && is_ours(g) && (kept.flags & kContiguous)) {
      char* const base = static_cast<char*>(g.raw());
      char* const other = static_cast<char*>(kept.data);
      char* const pointers[] = {base, base, other, other};
      const int64_t strides[] = {8, 8, 8, 8};
      loop(1, pointers, strides);
      sweep.send(*this, 0, std::move(g));
      return;
    }
    send_gradient(sweep, *this, 0, loop, g, true, &kept, &kept);
  }
  SavedTensor saved;
};

// What does not depend on the row's formula exists once.
void check_dtype(UnaryId id, const Tensor& x) {
  if (x.dtype() != DType::Bool) return;
  if (id == UnaryId::neg)
    fail(
        "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, "
        "use the "
        "`~` or `logical_not()` operator instead.");
  if (id == UnaryId::relu) fail("Boolean inputs not supported for relu");
  if (id == UnaryId::abs) fail(ErrorKind::NotImplemented, "\"abs_cpu\" not implemented for 'Bool'");
}

DType result_dtype(Result result, const Tensor& x) {
  return result == Result::Float && !is_floating(x.dtype()) ? default_dtype() : x.dtype();
}

[[gnu::noinline, gnu::noclone]] Tensor forward_general(UnaryId id, Result result, const Tensor& x) {
  check_dtype(id, x);
  const DType dtype = result_dtype(result, x);
  const Tensor in = cast_raw(x, dtype);
  Tensor out = empty_like_operands(in.sizes(), dtype, {in});
  run_loop(kernels::pick(kernels::unary[static_cast<int>(id)], dtype), out, {in});
  return out;
}

template <class Row>
void link(const Tensor& out, const Tensor& x) {
  auto* node = new UnaryNode<Row>;
  if constexpr (Row::keeps == KeepIn) node->saved.save_input(x, 0);
  record(out, node, x);
  if constexpr (Row::keeps == KeepOut) node->saved.save_output(out);
}

template <class Row>
Tensor unary(const Tensor& x) {
  Tensor out;
  if (is_scalar_like(x) && is_floating(x.dtype())) {
    out = Tensor::steal(empty_scalar(x.dtype(), x->ndim));
    char* const pointers[] = {static_cast<char*>(out.raw()), static_cast<char*>(x.raw())};
    const int64_t strides[] = {8, 8};
    kernels::pick(kernels::unary[static_cast<int>(Row::id)], x.dtype())(1, pointers, strides);
  } else {
    out = forward_general(Row::id, Row::result, x);
  }
  if (needs_grad(x)) link<Row>(out, x);
  return out;
}

// A row in place. `make` makes the node of x and saves x if the derivative reads it.
struct InplaceRow {
  UnaryId id;
  Result result;
  Keep keeps;
  Node* (*make)(const Tensor& x);
  SavedTensor& (*saved)(Node& node);
};

template <class Row>
constexpr InplaceRow inplace_row = {
    Row::id, Row::result, Row::keeps,
    [](const Tensor& x) {
      auto node = new_node<UnaryNode<Row>>();
      node->edges()[0] = gradient_edge(x);
      if constexpr (Row::keeps == KeepIn) node->saved.save_copy(clone(x));
      return static_cast<Node*>(node.release());
    },
    [](Node& node) -> SavedTensor& { return static_cast<UnaryNode<Row>&>(node).saved; }};

void unary_inplace(const InplaceRow& row, const Tensor& x) {
  check_dtype(row.id, x);
  const bool recorded = needs_grad(x);
  check_inplace(x, recorded);
  check_no_overlap(x, {});
  const DType dtype = result_dtype(row.result, x);
  if (dtype != x.dtype())
    fail("result type ", dtype_scalar_name(dtype), " can't be cast to the desired output type ",
         dtype_scalar_name(x.dtype()));
  Ref<Node> node;
  if (recorded) node = Ref<Node>::steal(row.make(x));
  run_loop(kernels::pick(kernels::unary[static_cast<int>(row.id)], dtype), x, {x});
  finish_inplace(x, Ref<Node>(node).release());
  if (row.keeps == KeepOut && node) row.saved(*node).save_output(x);
}

}  // namespace

#define HINOKO_UNARY(name, ...)                                       \
  Tensor name(const Tensor& x) { return unary<rows::name##_row>(x); } \
  void name##_(const Tensor& x) { unary_inplace(inplace_row<rows::name##_row>, x); }
#include "table/unary.def"
#undef HINOKO_UNARY

namespace {

// A product with a constant of a derivative: torch has a name of its own for it.
struct TimesNode final : NodeOf<1> {
  explicit TimesNode(Constant c) : factor(c) {}
  const char* name() const override { return "MulBackward1"; }
  void backward(Tensor g, Sweep& sweep) override { sweep.send(*this, 0, times(g, factor)); }
  Constant factor;
};

}  // namespace

Tensor times(const Tensor& x, const Constant& c) {
  Tensor out;
  {
    const GradModeGuard guard(false);
    out = mul(x, Scalar(c.value));
  }
  if (needs_grad(x)) record(out, new TimesNode(c), x);
  return out;
}

Tensor zero_of(const Tensor& g) { return zeros_like(g); }
Tensor square(const Tensor& x) { return pow(x, Scalar(2)); }
Tensor cube(const Tensor& x) { return pow(x, Scalar(3)); }

Tensor bitwise_not(const Tensor& x) {
  if (is_floating(x.dtype()))
    fail(ErrorKind::NotImplemented, "\"bitwise_not_cpu\" not implemented for '", dtype_scalar_name(x.dtype()),
         "'");
  Tensor out = empty_like_operands(x.sizes(), x.dtype(), {x});
  run_loop(kernels::pick(kernels::bitwise_not, x.dtype()), out, {x});
  return out;
}

Tensor logical_not(const Tensor& x) { return eq(x, Scalar(0)); }

namespace {

void overwrite(const Tensor& x, Tensor (*operation)(const Tensor&)) {
  check_inplace(x, needs_grad(x));
  check_no_overlap(x, {});
  Tensor result;
  {
    const GradModeGuard guard(false);
    result = operation(x);
  }
  copy_raw(x, result);
}

}  // namespace

void bitwise_not_(const Tensor& x) {
  overwrite(x, bitwise_not);
  finish_inplace(x, nullptr);
}
void logical_not_(const Tensor& x) {
  overwrite(x, logical_not);
  finish_inplace(x, nullptr);
}

}  // namespace hinoko
