// pow with a number on either side, add and sub with alpha, numbers on the left, where; and the checks that
// all operations of two operands share.
#include "autograd/engine.h"
#include "ops/binary.h"
#include "ops/gradient.h"

namespace hinoko {

namespace detail {

namespace {

DType computing_dtype(BinaryId id, Result result, DType dtype, bool both_bool, bool any_bool) {
  if (id == BinaryId::sub && both_bool)
    fail(
        "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
        "`logical_xor()` "
        "operator instead.");
  if (id == BinaryId::sub && any_bool)
    fail(
        "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a "
        "mask, use "
        "the `~` or `logical_not()` operator instead.");
  if (result == Result::Float && !is_floating(dtype)) return default_dtype();
  if (dtype == DType::Bool) {
    if (id == BinaryId::floor_divide)
      fail(ErrorKind::NotImplemented, "\"div_floor_cpu\" not implemented for 'Bool'");
    if (id == BinaryId::remainder)
      fail(ErrorKind::NotImplemented, "\"remainder_cpu\" not implemented for 'Bool'");
    if (id == BinaryId::pow) fail(ErrorKind::NotImplemented, "\"pow\" not implemented for 'Bool'");
  }
  if (result == Result::Bits && is_floating(dtype)) {
    const char* name = id == BinaryId::bitwise_and  ? "bitwise_and_cpu"
                       : id == BinaryId::bitwise_or ? "bitwise_or_cpu"
                                                    : "bitwise_xor_cpu";
    fail(ErrorKind::NotImplemented, "\"", name, "\" not implemented for '", dtype_scalar_name(dtype), "'");
  }
  return dtype;
}

}  // namespace

DType check_operands(BinaryId id, Result result, const Tensor& a, const Tensor& b) {
  const bool bool_a = a.dtype() == DType::Bool, bool_b = b.dtype() == DType::Bool;
  return computing_dtype(id, result, result_type(a, b), bool_a && bool_b, bool_a || bool_b);
}
DType check_operands(BinaryId id, Result result, const Tensor& a, const Scalar& b) {
  const bool bool_a = a.dtype() == DType::Bool;
  return computing_dtype(id, result, result_type(a, b), bool_a && b.is_bool(), bool_a || b.is_bool());
}

void check_values(BinaryId id, DType compute, const Tensor& b) {
  if (is_floating(compute) || !b.numel()) return;
  const auto any = [&](auto predicate) {
    const Tensor flags = predicate(b, Scalar(0));
    const Tensor dense = flags.is_contiguous() ? flags : clone_raw(flags);
    const bool* values = dense.data<bool>();
    return std::any_of(values, values + dense.numel(), [](bool v) { return v; });
  };
  if (id == BinaryId::floor_divide || id == BinaryId::remainder) {
    if (any([](const Tensor& t, const Scalar& s) { return eq(t, s); })) fail("ZeroDivisionError");
  }
}
void check_values(BinaryId id, DType compute, const Scalar& b) {
  if (is_floating(compute)) return;
  if ((id == BinaryId::floor_divide || id == BinaryId::remainder) && b.to_int() == 0)
    fail("ZeroDivisionError");
}

void check_inplace_dtype(const Tensor& a, DType dtype) {
  if (!can_cast(dtype, a.dtype()))
    fail("result type ", dtype_scalar_name(dtype), " can't be cast to the desired output type ",
         dtype_scalar_name(a.dtype()));
}

void check_inplace_sizes(const Tensor& a, const Dims& sizes) {
  if (!same(sizes, a.sizes()))
    fail("output with shape ", a.sizes(), " doesn't match the broadcast shape ", sizes.span());
}

namespace {

// An undefined `b` stands for a number, which torch does not list.
struct TwoInputNode : NodeOf<2> {
  TwoInputNode(const char* n, bool two) : title(n), listed(two ? 2 : 1) {}
  const char* name() const override { return title; }
  int listed_edges() const override { return listed; }
  const char* title;
  int listed;
};

struct NotImplementedNode final : TwoInputNode {
  NotImplementedNode(const char* op, bool two) : TwoInputNode("NotImplemented", two), operation(op) {}
  const char* full_name() const override { return "torch::autograd::NotImplemented"; }
  void backward(Tensor, Sweep&) override {
    fail(ErrorKind::Runtime, "derivative for aten::", operation, " is not implemented");
  }
  const char* operation;
};

struct ZeroGradientNode final : TwoInputNode {
  using TwoInputNode::TwoInputNode;
  void backward(Tensor g, Sweep& sweep) override {
    for (uint32_t i = 0; i < 2; ++i)
      if (sweep.needs(*this, i)) sweep.send(*this, i, zeros_like(g));
  }
};

template <class N>
Node* two_inputs(const char* text, const Tensor& a, const Tensor& b) {
  auto node = new_node<N>(text, b.defined());
  node->edges()[0] = gradient_edge(a);
  node->edges()[1] = gradient_edge(b);
  return node.release();
}

}  // namespace

Node* not_implemented(const char* operation, const Tensor& a, const Tensor& b) {
  return two_inputs<NotImplementedNode>(operation, a, b);
}

Node* zero_gradient(const char* name, const Tensor& a, const Tensor& b) {
  return two_inputs<ZeroGradientNode>(name, a, b);
}

}  // namespace detail

// ---- pow(tensor, number) ----

namespace {

struct PowScalarNode final : NodeOf<1> {
  explicit PowScalarNode(const Scalar& e) : exponent(e) {}
  const char* name() const override { return "PowBackward0"; }
  bool spends_gradient() const noexcept override { return true; }
  void release_saved() noexcept override { x.reset(); }
  void backward(Tensor g, Sweep& sweep) override {
    if (grad_enabled()) return sweep.send(*this, 0, pow_gradient_base(g, x.unpack(*this), exponent));
    const TensorImpl& in = x.peek(*this);
    const Number e(exponent, g.dtype());
    const kernels::Loop loop = kernels::pick(kernels::pow_scalar_gradient, g.dtype());
    if (in.dtype != g.dtype()) {
      const Tensor cast = cast_raw(x.unpack(*this), g.dtype());
      return send_gradient(sweep, *this, 0, loop, g, true, cast, e);
    }
    send_gradient(sweep, *this, 0, loop, g, true, &in, e);
  }
  SavedTensor x;
  Scalar exponent;
};

DType pow_dtype(const Tensor& x, const Scalar& exponent) {
  const DType dtype = result_type(x, exponent);
  if (!is_floating(dtype) && exponent.to_int() < 0)
    fail("Integers to negative integer powers are not allowed.");
  return dtype;
}

}  // namespace

Tensor pow(const Tensor& x, const Scalar& exponent) {
  Tensor out;
  if (is_scalar_like(x) && is_floating(x.dtype())) {
    out = Tensor::steal(empty_scalar(x.dtype(), x->ndim));
    Number e(exponent, x.dtype());
    char* const pointers[] = {static_cast<char*>(out.raw()), static_cast<char*>(x.raw()), e.bytes};
    const int64_t strides[] = {8, 8, 0};
    kernels::pick(kernels::pow_scalar, x.dtype())(1, pointers, strides);
  } else {
    const DType dtype = pow_dtype(x, exponent);
    const Tensor in = cast_raw(x, dtype);
    out = empty_like_operands(in.sizes(), dtype, {in});
    run_loop(kernels::pick(kernels::pow_scalar, dtype), out, {in, Number(exponent, dtype)});
  }
  if (needs_grad(x)) {
    auto* node = new PowScalarNode(exponent);
    node->x.save_input(x, 0);
    record(out, node, x);
    if (x.dtype() != out.dtype()) note_input_shapes(*node, out.dtype(), out.sizes(), {&x});
  }
  return out;
}

void pow_(const Tensor& x, const Scalar& exponent) {
  const DType dtype = pow_dtype(x, exponent);
  const bool recorded = needs_grad(x);
  check_inplace(x, recorded);
  check_no_overlap(x, {});
  detail::check_inplace_dtype(x, dtype);
  Ref<PowScalarNode> node;
  if (recorded) {
    node = new_node<PowScalarNode>(exponent);
    node->edges()[0] = gradient_edge(x);
    node->x.save_copy(clone(x));
  }
  if (dtype == x.dtype()) {
    run_loop(kernels::pick(kernels::pow_scalar, dtype), x, {x, Number(exponent, dtype)});
  } else {
    const Tensor in = cast_raw(x, dtype);
    Tensor result = empty(x.sizes(), dtype);
    run_loop(kernels::pick(kernels::pow_scalar, dtype), result, {in, Number(exponent, dtype)});
    copy_raw(x, result);
  }
  finish_inplace(x, node.release());
}

// ---- pow(number, tensor) ----

namespace {

struct PowBaseScalarNode final : NodeOf<1> {
  explicit PowBaseScalarNode(const Scalar& b) : base(b) {}
  const char* name() const override { return "PowBackward2"; }
  void release_saved() noexcept override {
    exponent.reset();
    result.reset();
  }
  void backward(Tensor g, Sweep& sweep) override {
    const Tensor e = exponent.unpack(*this), y = result.unpack(*this);
    // torch: with base 0 the gradient is 0 where the exponent is not negative.
    if (base.equals(0)) {
      return sweep.send(*this, 0, g * where(ge(e, Scalar(0)), zeros_like(y), y * Scalar(std::log(0.0))));
    }
    sweep.send(*this, 0, g * (y * Scalar(std::log(base.to_double()))));
  }
  SavedTensor exponent, result;
  Scalar base;
};

}  // namespace

Tensor pow(const Scalar& base, const Tensor& exponent) {
  const DType dtype = result_type(exponent, base);
  if (dtype == DType::Bool) fail(ErrorKind::NotImplemented, "\"pow\" not implemented for 'Bool'");
  Tensor out;
  if (base.equals(1)) {
    out = full(exponent.sizes(), Scalar(1), dtype);
  } else {
    const Tensor e = cast_raw(exponent, dtype);
    out = empty_like_operands(e.sizes(), dtype, {e});
    run_loop(kernels::pick(kernels::binary[static_cast<int>(BinaryId::pow)], dtype), out,
             {Number(base, dtype), e});
  }
  if (needs_grad(exponent)) {
    auto* node = new PowBaseScalarNode(base);
    node->exponent.save_input(exponent, 0);
    record(out, node, exponent);
    node->result.save_output(out);
    if (exponent.dtype() != dtype) note_input_shapes(*node, dtype, out.sizes(), {&exponent});
  }
  return out;
}

Tensor pow_gradient_base(const Tensor& g, const Tensor& a, const Scalar& exponent) {
  if (exponent.equals(0)) return zeros_like(g);
  const Scalar lower = exponent.is_float() ? Scalar(exponent.to_double() - 1)
                                           : Scalar(static_cast<long long>(exponent.to_int() - 1));
  return g * (pow(a, lower) * exponent);
}
Tensor pow_gradient_base(const Tensor& g, const Tensor& a, const Tensor& b) {
  return where(eq(b, Scalar(0)), zeros_like(g), g * (b * pow(a, b - Scalar(1))));
}
Tensor pow_gradient_exponent(const Tensor& g, const Tensor& a, const Tensor& b) {
  const Tensor no_gradient = bitwise_and(eq(a, Scalar(0)), ge(b, Scalar(0)));
  const Tensor y = pow(a, b);
  return g * where(no_gradient, zeros_like(y), y * log(a));
}

// ---- add and sub with alpha ----

namespace {

struct AddScaledNode final : NodeOf<2> {
  AddScaledNode(const Scalar& a, const char* n) : alpha(a), title(n) {}
  const char* name() const override { return title; }
  void backward(Tensor g, Sweep& sweep) override {
    Tensor gb;
    if (sweep.needs(*this, 1)) gb = mul(g, alpha);
    sweep.send(*this, 0, std::move(g));
    sweep.send(*this, 1, std::move(gb));
  }
  Scalar alpha;
  const char* title;
};

void check_alpha(DType dtype, const Scalar& alpha) {
  if (alpha.is_bool() && dtype != DType::Bool) fail("Boolean alpha only supported for Boolean results.");
  if (!is_floating(dtype) && alpha.is_float())
    fail("For integral input tensors, argument alpha must not be a floating point number.");
}

Tensor add_scaled(const Tensor& a, const Tensor& b, const Scalar& alpha, bool subtract) {
  const BinaryId id = subtract ? BinaryId::sub : BinaryId::add;
  const DType dtype = detail::check_operands(id, Result::Same, a, b);
  check_alpha(dtype, alpha);
  const Scalar scale = subtract ? -alpha : alpha;
  const Tensor x = cast_raw(a, dtype), y = cast_raw(b, dtype);
  Tensor out = empty_like_operands(broadcast_shapes(a.sizes(), b.sizes()), dtype, {x, y});
  run_loop(kernels::pick(kernels::add_scaled, dtype), out, {x, y, Number(scale, dtype)});
  if (needs_grad(a, b)) {
    auto* node = new AddScaledNode(scale, subtract ? "SubBackward0" : "AddBackward0");
    record(out, node, a, b);
    note_input_shapes(*node, dtype, out.sizes(), {&a, &b});
  }
  return out;
}

void add_scaled_(const Tensor& a, const Tensor& b, const Scalar& alpha, bool subtract) {
  const BinaryId id = subtract ? BinaryId::sub : BinaryId::add;
  const DType dtype = detail::check_operands(id, Result::Same, a, b);
  check_alpha(dtype, alpha);
  const Scalar scale = subtract ? -alpha : alpha;
  const bool recorded = needs_grad(a, b);
  check_inplace(a, recorded);
  check_no_overlap(a, {&b});
  detail::check_inplace_sizes(a, broadcast_shapes(a.sizes(), b.sizes()));
  detail::check_inplace_dtype(a, dtype);
  Ref<AddScaledNode> node;
  if (recorded) {
    node = new_node<AddScaledNode>(scale, subtract ? "SubBackward0" : "AddBackward0");
    node->edges()[0] = gradient_edge(a);
    node->edges()[1] = gradient_edge(b);
    note_input_shapes(*node, a.dtype(), a.sizes(), {&a, &b});
  }
  const Tensor x = cast_raw(a, dtype), y = cast_raw(b, dtype);
  Tensor result = a.dtype() == dtype ? a : empty(a.sizes(), dtype);
  run_loop(kernels::pick(kernels::add_scaled, dtype), result, {x, y, Number(scale, dtype)});
  if (result.get() != a.get()) copy_raw(a, result);
  finish_inplace(a, node.release());
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b, const Scalar& alpha) {
  return alpha.equals(1) && !alpha.is_bool() && !alpha.is_float() ? add(a, b)
                                                                  : add_scaled(a, b, alpha, false);
}
Tensor add(const Tensor& a, const Scalar& b, const Scalar& alpha) { return add(a, number_tensor(b), alpha); }
Tensor sub(const Tensor& a, const Tensor& b, const Scalar& alpha) {
  return alpha.equals(1) && !alpha.is_bool() && !alpha.is_float() ? sub(a, b) : add_scaled(a, b, alpha, true);
}
void add_(const Tensor& a, const Tensor& b, const Scalar& alpha) { add_scaled_(a, b, alpha, false); }
void sub_(const Tensor& a, const Tensor& b, const Scalar& alpha) { add_scaled_(a, b, alpha, true); }

// ---- numbers on the left ----

namespace {

struct RsubNode final : NodeOf<1> {
  const char* name() const override { return "RsubBackward1"; }
  void backward(Tensor g, Sweep& sweep) override { sweep.send(*this, 0, -g); }
};

}  // namespace

Tensor rsub(const Tensor& a, const Scalar& b) {
  const DType dtype = detail::check_operands(BinaryId::sub, Result::Same, a, b);
  const Tensor x = cast_raw(a, dtype);
  Tensor out = empty_like_operands(x.sizes(), dtype, {x});
  run_loop(kernels::pick(kernels::binary[static_cast<int>(BinaryId::sub)], dtype), out,
           {Number(b, dtype), x});
  if (needs_grad(a)) {
    auto* node = new RsubNode;
    record(out, node, a);
    if (a.dtype() != dtype) note_input_shapes(*node, dtype, out.sizes(), {&a});
  }
  return out;
}

Tensor divide(const Scalar& a, const Tensor& b) { return mul(reciprocal(b), a); }

Tensor floor_divide(const Scalar& a, const Tensor& b) { return floor_divide(number_tensor(a), b); }

Tensor remainder(const Scalar& a, const Tensor& b) {
  Tensor out;
  {
    const GradModeGuard guard(false);
    out = remainder(number_tensor(a), b);
  }
  if (needs_grad(b)) set_history(out, detail::not_implemented("remainder", b, Tensor()));
  return out;
}

Tensor number_tensor(const Scalar& value) {
  const DType dtype = value.is_float() ? DType::Float64 : value.is_bool() ? DType::Bool : DType::Int64;
  Tensor out = Tensor::steal(empty_scalar(dtype, 0));
  value.write(dtype, out.raw());
  out->flags |= kNumber;
  return out;
}

// ---- maximum, minimum: both get half where they tie ----

Tensor gradient_of_extreme(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor& loses) {
  return masked_fill(where(eq(a, b), g / Scalar(2), g), loses, Scalar(0));
}

// ---- where, masked_fill ----

namespace {

Tensor where_raw(const Tensor& condition, const Tensor& a, const Tensor& b) {
  if (condition.dtype() != DType::Bool)
    fail("where expected condition to be a boolean tensor, but got a tensor with dtype ",
         dtype_scalar_name(condition.dtype()));
  const DType dtype = result_type(a, b);
  const Tensor x = cast_raw(a, dtype), y = cast_raw(b, dtype);
  const Dims sizes = broadcast_shapes(broadcast_shapes(condition.sizes(), a.sizes()), b.sizes());
  Tensor out = empty_like_operands(sizes, dtype, {condition, x, y});
  run_loop(kernels::pick(kernels::where, dtype), out, {condition, x, y});
  return out;
}

struct WhereNode final : NodeOf<2> {
  const char* name() const override { return "WhereBackward0"; }
  void release_saved() noexcept override { condition.reset(); }
  void backward(Tensor g, Sweep& sweep) override {
    const Tensor c = condition.unpack(*this);
    const Tensor zero = Tensor::steal(empty_scalar(g.dtype(), 0));
    fill_raw(zero, Scalar(0));
    Tensor ga, gb;
    if (sweep.needs(*this, 1)) gb = where(c, zero, g);
    if (sweep.needs(*this, 0)) ga = where(c, g, zero);
    sweep.send(*this, 0, std::move(ga));
    sweep.send(*this, 1, std::move(gb));
  }
  SavedTensor condition;
};

struct MaskedFillNode final : NodeOf<1> {
  const char* name() const override { return "MaskedFillBackward0"; }
  void release_saved() noexcept override { mask.reset(); }
  void backward(Tensor g, Sweep& sweep) override {
    sweep.send(*this, 0, masked_fill(g, mask.unpack(*this), Scalar(0)));
  }
  SavedTensor mask;
};

}  // namespace

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  Tensor out = where_raw(condition, a, b);
  if (needs_grad(a, b)) {
    auto* node = new WhereNode;
    node->condition.save_constant(condition);
    record(out, node, a, b);
    note_input_shapes(*node, out.dtype(), out.sizes(), {&a, &b});
  }
  return out;
}

Tensor masked_fill(const Tensor& x, const Tensor& mask, const Scalar& value) {
  if (mask.dtype() != DType::Bool)
    fail("masked_fill_ only supports boolean masks, but got mask with dtype ", c_type_name(mask.dtype()));
  value.check_fits(x.dtype());
  const Dims sizes = broadcast_shapes(x.sizes(), mask.sizes());
  Tensor out = empty_like_operands(sizes, x.dtype(), {x});
  run_loop(kernels::pick(kernels::where, x.dtype()), out, {mask, Number(value, x.dtype()), x});
  if (needs_grad(x)) {
    auto* node = new MaskedFillNode;
    node->mask.save_constant(mask);
    record(out, node, x);
    note_input_shapes(*node, out.dtype(), out.sizes(), {&x});
  }
  return out;
}

void masked_fill_(const Tensor& x, const Tensor& mask, const Scalar& value) {
  const bool recorded = needs_grad(x);
  check_inplace(x, recorded);
  if (mask.dtype() != DType::Bool)
    fail("masked_fill_ only supports boolean masks, but got mask with dtype ", c_type_name(mask.dtype()));
  value.check_fits(x.dtype());
  detail::check_inplace_sizes(x, broadcast_shapes(x.sizes(), mask.sizes()));
  check_no_overlap(x, {});
  Ref<MaskedFillNode> node;
  if (recorded) {
    node = new_node<MaskedFillNode>();
    node->mask.save_constant(mask);
    node->edges()[0] = gradient_edge(x);
  }
  run_loop(kernels::pick(kernels::where, x.dtype()), x, {mask, Number(value, x.dtype()), x});
  finish_inplace(x, node.release());
}

// ---- division with rounding: piecewise constant ----

namespace {

Tensor record_rounded(Tensor&& out, const Tensor& a, const Tensor& b) {
  if (needs_grad(a, b)) {
    Node* node = detail::zero_gradient("DivBackward2", a, b);
    set_history(out, node);
    note_input_shapes(*node, out.dtype(), out.sizes(), {&a, &b});
  }
  return std::move(out);
}

}  // namespace

Tensor div_floor(const Tensor& a, const Tensor& b) {
  Tensor out;
  {
    const GradModeGuard guard(false);
    out = floor_divide(a, b);
  }
  return record_rounded(std::move(out), a, b);
}

void div_rounded_(const Tensor& a, const Tensor& b, bool floor) {
  const bool recorded = needs_grad(a, b);
  check_inplace(a, recorded);
  detail::check_inplace_sizes(a, broadcast_shapes(a.sizes(), b.sizes()));
  detail::check_inplace_dtype(a, result_type(a, b));
  check_no_overlap(a, {&b});
  Tensor quotient;
  {
    const GradModeGuard guard(false);
    quotient = floor ? div_floor(a, b) : div_trunc(a, b);
  }
  Node* node = nullptr;
  if (recorded) {
    node = detail::zero_gradient("DivBackward2", a, b);
    note_input_shapes(*node, a.dtype(), a.sizes(), {&a, &b});
  }
  const Ref<Node> guard = Ref<Node>::steal(node);
  copy_raw(a, quotient);
  finish_inplace(a, Ref<Node>(guard).release());
}

Tensor div_trunc(const Tensor& a, const Tensor& b) {
  Tensor out;
  {
    const GradModeGuard guard(false);
    const DType dtype = result_type(a, b);
    if (dtype == DType::Bool) fail(ErrorKind::NotImplemented, "\"div_trunc_cpu\" not implemented for 'Bool'");
    // Towards zero: the quotient of the absolute values, with the sign put back.
    const Tensor x = cast_raw(a, dtype), y = cast_raw(b, dtype);
    const Tensor size = floor_divide(abs(x), abs(y));
    out = where(eq(lt(x, Scalar(0)), lt(y, Scalar(0))), size, neg(size));
  }
  return record_rounded(std::move(out), a, b);
}

}  // namespace hinoko
