// Elementwise operations of two operands: what a row of table/binary.def becomes, for a tensor and a tensor,
// a tensor and a Python number, and in place. Powers and other special cases are in power.cpp.
#include "ops/binary.h"
#include "ops/gradient.h"

#include "autograd/engine.h"

namespace hinoko {

namespace {

using detail::check_operands;

// ---- tensor and tensor ----

template <class Row>
struct BinaryNode final : NodeOf<2> {
  const char* name() const override { return Row::node; }
  bool spends_gradient() const noexcept override { return Row::keeps_a != 0 && Row::keeps_b != 0; }
  void release_saved() noexcept override {
    a.reset();
    b.reset();
  }
  void backward(Tensor g, Sweep& sweep) override {
    const bool needs_a = sweep.needs(*this, 0), needs_b = sweep.needs(*this, 1);
    if (grad_enabled()) {
      const Tensor x = keeps(rows::A) ? a.unpack(*this) : Tensor(),
                   y = keeps(rows::B) ? saved_b().unpack(*this) : Tensor();
      Tensor ga, gb;
      // b's first, as in torch: the order of creation decides the order of sums in the next sweep.
      if (needs_b) gb = Row::template gradient_b<Tensor, Tensor>(g, x, y);
      if (needs_a) ga = Row::template gradient_a<Tensor, Tensor>(g, x, y);
      sweep.send(*this, 0, std::move(ga));
      sweep.send(*this, 1, std::move(gb));
      return;
    }
    if (needs_a) {
      if constexpr (Row::keeps_a == 0) {
        sweep.send(*this, 0, Row::template gradient_a<Tensor, Tensor>(g, Tensor(), Tensor()));
      } else {
        send_fused(sweep, 0, kernels::gradient_a, g, !needs_b, Row::keeps_a);
      }
    }
    if (needs_b) {
      if constexpr (Row::keeps_b == 0) {
        sweep.send(*this, 1, Row::template gradient_b<Tensor, Tensor>(g, Tensor(), Tensor()));
      } else {
        send_fused(sweep, 1, kernels::gradient_b, g, true, Row::keeps_b);
      }
    }
  }
  bool keeps(uint8_t which) const {
    return ((edges_used & 1 ? Row::keeps_a : 0) | (edges_used & 2 ? Row::keeps_b : 0)) & which;
  }
  void send_fused(Sweep& sweep, uint32_t i, const kernels::LoopRow* loops, Tensor& g, bool last,
                  uint8_t reads) {
    const TensorImpl* x = reads & rows::A ? &a.peek(*this) : g.get();
    const TensorImpl* y = reads & rows::B ? &saved_b().peek(*this) : g.get();
    const kernels::Loop loop = kernels::pick(loops[static_cast<int>(Row::id)], g.dtype());
    if (x->dtype != g.dtype() || y->dtype != g.dtype()) {
      const Tensor cast_x = cast_raw(reads & rows::A ? a.unpack(*this) : g, g.dtype());
      const Tensor cast_y = cast_raw(reads & rows::B ? saved_b().unpack(*this) : g, g.dtype());
      return send_gradient(sweep, *this, i, loop, g, last, cast_x, cast_y);
    }
    if (g->numel == 1 && x->numel == 1 && y->numel == 1) {
      Tensor out = last && is_ours(g) ? std::move(g)
                   : g->ndim <= 1     ? Tensor::steal(empty_scalar(g.dtype(), g->ndim))
                                      : empty(g.sizes(), g.dtype());
      const TensorImpl* from = g ? g.get() : out.get();
      char* const pointers[] = {static_cast<char*>(out.raw()), static_cast<char*>(from->data),
                                static_cast<char*>(x->data), static_cast<char*>(y->data)};
      const int64_t strides[] = {8, 8, 8, 8};
      loop(1, pointers, strides);
      return sweep.send(*this, i, std::move(out));
    }
    send_gradient(sweep, *this, i, loop, g, last, x, y);
  }
  void note_edges() { edges_used = static_cast<uint8_t>((edges()[0].fn ? 1 : 0) | (edges()[1].fn ? 2 : 0)); }
  void save(const Tensor& x, const Tensor& y) {
    note_edges();
    if (keeps(rows::A)) a.save_input(x, 0);
    if (!keeps(rows::B)) return;
    if (keeps(rows::A) && x.get() == y.get())
      b_is_a = true;
    else
      b.save_input(y, 1);
  }
  // What is overwritten (x) is kept as a copy where the derivative reads it.
  void save_in_place(const Tensor& x, const Tensor& y) {
    note_edges();
    if (keeps(rows::A)) a.save_copy(clone(x));
    if (!keeps(rows::B)) return;
    if (x->storage == y->storage)
      b.save_overwritten(y);
    else
      b.save_input(y, 1);
  }
  const SavedTensor& saved_b() const { return b_is_a ? a : b; }
  uint8_t edges_used = 0;
  bool b_is_a = false;  // one tensor is both, and kept once
  SavedTensor a, b;
};

template <class Row>
constexpr bool differentiable = *Row::node != 0;

template <class Row>
Node* link(const Tensor& out, const Tensor& a, const Tensor& b) {
  auto node = new_node<BinaryNode<Row>>();
  node->edges()[0] = gradient_edge(a);
  node->edges()[1] = gradient_edge(b);
  node->save(a, b);
  const auto differs = [&](const Tensor& t) {
    return t->dtype != out->dtype || t->ndim != out->ndim || t->numel != out->numel ||
           (t->ndim > 1 && !same(t.sizes(), out.sizes()));
  };
  if (differs(a) || differs(b)) [[unlikely]]
    note_input_shapes(*node, out.dtype(), out.sizes(), {&a, &b});
  return node.release();
}

// What does not depend on the row's formula exists once.
[[gnu::noinline, gnu::noclone]] Tensor forward_general(BinaryId id, Result result, const Tensor& a,
                                                       const Tensor& b) {
  const DType compute = check_operands(id, result, a, b);
  const DType dtype = result == Result::Compare ? DType::Bool : compute;
  const Tensor x = cast_raw(a, compute), y = cast_raw(b, compute);
  const Dims sizes = same(a.sizes(), b.sizes()) ? Dims(a.sizes()) : broadcast_shapes(a.sizes(), b.sizes());
  Tensor out = empty_like_operands(sizes, dtype, {x, y});
  detail::check_values(id, compute, y);
  run_loop(kernels::pick(kernels::binary[static_cast<int>(id)], compute), out, {x, y});
  return out;
}

template <class Row>
Tensor binary(const Tensor& a, const Tensor& b) {
  Tensor out;
  if (is_scalar_like(a) && is_scalar_like(b) && a.dtype() == b.dtype() && is_floating(a.dtype()) &&
      Row::result != Result::Bits) {
    const DType dtype = Row::result == Result::Compare ? DType::Bool : a.dtype();
    out = Tensor::steal(empty_scalar(dtype, std::max(a->ndim, b->ndim)));
    char* const pointers[] = {static_cast<char*>(out.raw()), static_cast<char*>(a.raw()),
                              static_cast<char*>(b.raw())};
    const int64_t strides[] = {8, 8, 8};
    kernels::pick(kernels::binary[static_cast<int>(Row::id)], a.dtype())(1, pointers, strides);
  } else {
    out = forward_general(Row::id, Row::result, a, b);
  }
  if constexpr (differentiable<Row>) {
    if (needs_grad(a, b)) set_history(out, link<Row>(out, a, b));
  } else if constexpr (Row::id == BinaryId::floor_divide) {
    if (needs_grad(a, b)) set_history(out, detail::not_implemented("floor_divide", a, b));
  }
  return out;
}

// ---- tensor and number ----

template <class Row>
struct ScalarNode final : NodeOf<1> {
  explicit ScalarNode(const Scalar& s) : b(s) {}
  const char* name() const override {
    return Row::id == BinaryId::remainder ? "RemainderBackward0" : Row::node;
  }
  int listed_edges() const override { return Row::id == BinaryId::remainder ? 1 : 2; }
  void release_saved() noexcept override { a.reset(); }
  void backward(Tensor g, Sweep& sweep) override {
    // torch keeps the number as a tensor where the derivative reads it, and frees it with the graph.
    if (Row::keeps_a != 0 && freed()) fail_graph_freed();
    if constexpr (Row::keeps_a & rows::A) {
      sweep.send(*this, 0, Row::template gradient_a<Tensor, Scalar>(g, a.unpack(*this), b));
    } else if constexpr (Row::keeps_a == 0) {
      sweep.send(*this, 0, Row::template gradient_a<Tensor, Scalar>(g, Tensor(), b));
    } else if (!grad_enabled() && is_ours(g)) {
      // g * b in the buffer of g.
      const Number number(b, g.dtype());
      run_loop(kernels::pick(kernels::gradient_a[static_cast<int>(Row::id)], g.dtype()), g, {g, g, number});
      sweep.send(*this, 0, std::move(g));
    } else {
      sweep.send(*this, 0, Row::template gradient_a<Tensor, Scalar>(g, Tensor(), b));
    }
  }
  SavedTensor a;
  Scalar b;
};

template <class Row>
Node* link(const Tensor& out, const Tensor& a, const Scalar& b) {
  auto node = new_node<ScalarNode<Row>>(b);
  node->edges()[0] = gradient_edge(a);
  if constexpr (Row::keeps_a & rows::A) node->a.save_input(a, 0);
  if (a.dtype() != out.dtype()) note_input_shapes(*node, out.dtype(), out.sizes(), {&a});
  return node.release();
}

[[gnu::noinline, gnu::noclone]] Tensor forward_general(BinaryId id, Result result, const Tensor& a,
                                                       const Scalar& b) {
  const DType compute = check_operands(id, result, a, b);
  const DType dtype = result == Result::Compare ? DType::Bool : compute;
  const Tensor x = cast_raw(a, compute);
  const Number number(b, compute);
  Tensor out = empty_like_operands(x.sizes(), dtype, {x});
  detail::check_values(id, compute, b);
  run_loop(kernels::pick(kernels::binary[static_cast<int>(id)], compute), out, {x, number});
  return out;
}

template <class Row>
Tensor binary(const Tensor& a, const Scalar& b) {
  Tensor out;
  if (is_scalar_like(a) && is_floating(a.dtype()) && Row::result != Result::Bits &&
      !(Row::id == BinaryId::sub && b.is_bool())) {
    const DType dtype = Row::result == Result::Compare ? DType::Bool : a.dtype();
    out = Tensor::steal(empty_scalar(dtype, a->ndim));
    Number number(b, a.dtype());
    char* const pointers[] = {static_cast<char*>(out.raw()), static_cast<char*>(a.raw()), number.bytes};
    const int64_t strides[] = {8, 8, 8};
    kernels::pick(kernels::binary[static_cast<int>(Row::id)], a.dtype())(1, pointers, strides);
  } else {
    out = forward_general(Row::id, Row::result, a, b);
  }
  if constexpr (differentiable<Row>) {
    if (needs_grad(a)) set_history(out, link<Row>(out, a, b));
  } else if constexpr (Row::id == BinaryId::floor_divide) {
    if (needs_grad(a)) set_history(out, detail::not_implemented("floor_divide", a, Tensor()));
  }
  return out;
}

// ---- in place ----

// In place, operations without a derivative leave a mark in the history, too.
template <class Row>
constexpr bool has_history =
    differentiable<Row> || Row::result == Result::Compare || Row::id == BinaryId::floor_divide;

// "EqBackward1" for a tensor operand, "EqBackward0" for a number.
template <class Row>
const char* mark_name(bool tensor) {
  static const auto make = [](const char* suffix) {
    std::string name = cat(Row::name, "Backward", suffix);
    name[0] = static_cast<char>(name[0] - 'a' + 'A');
    return name;
  };
  static const std::string names[] = {make("0"), make("1")};
  return names[tensor].c_str();
}

template <class Row>
Node* mark(const Tensor& a, const Tensor& b) {
  Node* node = Row::id == BinaryId::floor_divide ? detail::not_implemented("floor_divide_", a, b)
                                                 : detail::zero_gradient(mark_name<Row>(b.defined()), a, b);
  if (b.defined()) note_input_shapes(*node, a.dtype(), a.sizes(), {&a, &b});
  return node;
}

// A row in place: `make` makes what a takes for its producer.
template <class Other>
struct InplaceRow {
  BinaryId id;
  Result result;
  bool has_history;
  Node* (*make)(const Tensor& a, const Other& b);
};

template <class Row>
[[gnu::cold]] Node* link_inplace(const Tensor& a, const Tensor& b) {
  if constexpr (differentiable<Row>) {
    auto node = new_node<BinaryNode<Row>>();
    node->edges()[0] = gradient_edge(a);
    node->edges()[1] = gradient_edge(b);
    node->save_in_place(a, b);
    note_input_shapes(*node, a.dtype(), a.sizes(), {&a, &b});
    return node.release();
  } else if constexpr (has_history<Row>) {
    return mark<Row>(a, b);
  } else {
    return nullptr;
  }
}
template <class Row>
[[gnu::cold]] Node* link_inplace(const Tensor& a, const Scalar& b) {
  if constexpr (differentiable<Row>) {
    auto node = new_node<ScalarNode<Row>>(b);
    node->edges()[0] = gradient_edge(a);
    if constexpr (Row::keeps_a & rows::A) node->a.save_copy(clone(a));
    return node.release();
  } else if constexpr (has_history<Row>) {
    return mark<Row>(a, Tensor());
  } else {
    return nullptr;
  }
}

template <class Row, class Other>
constexpr InplaceRow<Other> inplace_row = {Row::id, Row::result, has_history<Row>, link_inplace<Row>};

void binary_inplace(const InplaceRow<Tensor>& row, const Tensor& a, const Tensor& b) {
  const bool recorded = row.has_history && needs_grad(a, b);
  check_inplace(a, recorded);
  // sub refuses bool before it looks at memory and sizes, the others after.
  if (row.id == BinaryId::sub) check_operands(row.id, row.result, a, b);
  check_no_overlap(a, {&b});
  detail::check_inplace_sizes(a, broadcast_shapes(a.sizes(), b.sizes()));
  const DType compute = check_operands(row.id, row.result, a, b);
  detail::check_inplace_dtype(a, row.result == Result::Compare ? a.dtype() : compute);
  Ref<Node> made;
  if (recorded) made = Ref<Node>::steal(row.make(a, b));
  const Tensor x = cast_raw(a, compute), y = cast_raw(b, compute);
  detail::check_values(row.id, compute, y);
  const kernels::Loop loop = kernels::pick(kernels::binary[static_cast<int>(row.id)], compute);
  if (a.dtype() == compute && row.result != Result::Compare) {
    run_loop(loop, a, {x, y});
  } else {
    Tensor result = empty(a.sizes(), row.result == Result::Compare ? DType::Bool : compute);
    run_loop(loop, result, {x, y});
    copy_raw(a, result);
  }
  finish_inplace(a, made.release());
}

void binary_inplace(const InplaceRow<Scalar>& row, const Tensor& a, const Scalar& b) {
  const bool recorded = row.has_history && needs_grad(a);
  check_inplace(a, recorded);
  check_no_overlap(a, {});
  const DType compute = check_operands(row.id, row.result, a, b);
  detail::check_inplace_dtype(a, row.result == Result::Compare ? a.dtype() : compute);
  Ref<Node> made;
  if (recorded) made = Ref<Node>::steal(row.make(a, b));
  const Number number(b, compute);
  detail::check_values(row.id, compute, b);
  const kernels::Loop loop = kernels::pick(kernels::binary[static_cast<int>(row.id)], compute);
  if (a.dtype() == compute && row.result != Result::Compare) {
    run_loop(loop, a, {a, number});
  } else {
    const Tensor x = cast_raw(a, compute);
    Tensor result = empty(a.sizes(), row.result == Result::Compare ? DType::Bool : compute);
    run_loop(loop, result, {x, number});
    copy_raw(a, result);
  }
  finish_inplace(a, made.release());
}

}  // namespace

#define HINOKO_BINARY(name, ...)                                                           \
  Tensor name(const Tensor& a, const Tensor& b) { return binary<rows::name##_row>(a, b); } \
  void name##_(const Tensor& a, const Tensor& b) {                                         \
    binary_inplace(inplace_row<rows::name##_row, Tensor>, a, b);                           \
  }
#include "table/binary.def"
#undef HINOKO_BINARY

// With a number in place of b.
#define HINOKO_NUMBER_Plain(name)                                                          \
  Tensor name(const Tensor& a, const Scalar& b) { return binary<rows::name##_row>(a, b); } \
  void name##_(const Tensor& a, const Scalar& b) {                                         \
    binary_inplace(inplace_row<rows::name##_row, Scalar>, a, b);                           \
  }
#define HINOKO_NUMBER_Own(name) HINOKO_NUMBER_Plain(name)
#define HINOKO_NUMBER_Pow(name)
#define HINOKO_NUMBER_Tensors(name)
#define HINOKO_NUMBER_Internal(name)
#define HINOKO_BINARY(name, form, ...) HINOKO_NUMBER_##form(name)
#include "table/binary.def"
#undef HINOKO_BINARY

}  // namespace hinoko
