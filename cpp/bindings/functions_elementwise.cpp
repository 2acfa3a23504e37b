// Elementwise functions and methods: one entry per row of the tables, and the ones with a signature of
// their own.
#include "bindings/args.h"

namespace hinoko::bindings {

namespace {

using Unary = Tensor (*)(const Tensor&);
using UnaryInplace = void (*)(const Tensor&);
using TensorTensor = Tensor (*)(const Tensor&, const Tensor&);
using TensorScalar = Tensor (*)(const Tensor&, const Scalar&);
using InplaceTensor = void (*)(const Tensor&, const Tensor&);
using InplaceScalar = void (*)(const Tensor&, const Scalar&);

PyObject* same_object(const Call& c) {
  Py_INCREF(c[0]);
  return c[0];
}

// Under out= the operation runs as recorded as ever: finish_out refuses tensors that require grad.
template <Unary F>
PyObject* unary(const Call& c) {
  // torch computes these two in the dtype of `out`, and takes no other.
  const bool strict =
      (F == static_cast<Unary>(abs)) || (F == static_cast<Unary>(neg) && c.tensor(0).dtype() != DType::Bool);
  if (c.has(1) && strict && c.tensor(1).dtype() != c.tensor(0).dtype())
    fail("Found dtype ", dtype_scalar_name(c.tensor(1).dtype()), " but expected ",
         dtype_scalar_name(c.tensor(0).dtype()));
  return finish_out(F(c.tensor(0)), c[1], c.function);
}
template <Unary F>
PyObject* unary_fast(PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  if (count != 1 || keywords || !is_tensor(args[0])) return nullptr;
  return guarded([&] { return wrap(F(as_tensor(args[0]))); });
}
template <UnaryInplace F>
PyObject* unary_inplace(const Call& c) {
  F(c.tensor(0));
  return same_object(c);
}

template <TensorTensor TT, TensorScalar TS>
PyObject* binary(const Call& c) {
  Tensor result = is_tensor(c[1]) ? TT(c.tensor(0), c.tensor(1)) : TS(c.tensor(0), c.scalar(1));
  return finish_out(std::move(result), c[2], c.function);
}
template <TensorTensor TT>
PyObject* binary_tensors(const Call& c) {
  return finish_out(TT(c.tensor(0), c.tensor(1)), c[2], c.function);
}
template <TensorTensor TT, TensorScalar TS>
PyObject* binary_fast(PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  if (count != 2 || keywords || !is_tensor(args[0])) return nullptr;
  return guarded([&]() -> PyObject* {
    if (is_tensor(args[1])) return wrap(TT(as_tensor(args[0]), as_tensor(args[1])));
    if (is_number(args[1])) return wrap(TS(as_tensor(args[0]), as_scalar(args[1])));
    return nullptr;
  });
}
template <InplaceTensor TT, InplaceScalar TS>
PyObject* binary_inplace(const Call& c) {
  if (is_tensor(c[1])) {
    TT(c.tensor(0), c.tensor(1));
  } else {
    TS(c.tensor(0), c.scalar(1));
  }
  return same_object(c);
}

PyObject* add_handler(const Call& c) {
  const Scalar alpha = c.scalar(2, Scalar(1));
  Tensor out = is_tensor(c[1])   ? add(c.tensor(0), c.tensor(1), alpha)
               : alpha.equals(1) ? add(c.tensor(0), c.scalar(1))
                                 : add(c.tensor(0), c.scalar(1), alpha);
  return finish_out(std::move(out), c[3], c.function);
}
PyObject* sub_handler(const Call& c) {
  const Scalar alpha = c.scalar(2, Scalar(1));
  Tensor out = is_tensor(c[1])   ? sub(c.tensor(0), c.tensor(1), alpha)
               : alpha.equals(1) ? sub(c.tensor(0), c.scalar(1))
                                 : sub(c.tensor(0), number_tensor(c.scalar(1)), alpha);
  return finish_out(std::move(out), c[3], c.function);
}
PyObject* rsub_handler(const Call& c) {
  const Scalar alpha = c.scalar(2, Scalar(1));
  const Tensor scaled = alpha.equals(1) ? c.tensor(0) : mul(c.tensor(0), alpha);
  return wrap(is_tensor(c[1]) ? sub(c.tensor(1), scaled) : rsub(scaled, c.scalar(1)));
}
template <InplaceTensor TT, InplaceScalar TS, void (*Scaled)(const Tensor&, const Tensor&, const Scalar&)>
PyObject* inplace_with_alpha(const Call& c) {
  const Scalar alpha = c.scalar(2, Scalar(1));
  if (!alpha.equals(1)) {
    Scaled(c.tensor(0), is_tensor(c[1]) ? c.tensor(1) : number_tensor(c.scalar(1)), alpha);
    return same_object(c);
  }
  return binary_inplace<TT, TS>(c);
}

PyObject* div_handler(const Call& c) {
  Tensor out;
  if (c.has(2)) {
    const std::string mode = c.text(2);
    const Tensor other = is_tensor(c[1]) ? c.tensor(1) : number_tensor(c.scalar(1));
    if (mode == "floor") {
      out = div_floor(c.tensor(0), other);
    } else if (mode == "trunc") {
      out = div_trunc(c.tensor(0), other);
    } else {
      fail("div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '", mode, "'");
    }
  } else {
    out = is_tensor(c[1]) ? div(c.tensor(0), c.tensor(1)) : div(c.tensor(0), c.scalar(1));
  }
  return finish_out(std::move(out), c[3], c.function);
}

PyObject* div_inplace_handler(const Call& c) {
  if (!c.has(2)) return binary_inplace<div_, div_>(c);
  const std::string mode = c.text(2);
  if (mode != "floor" && mode != "trunc")
    fail("div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '", mode, "'");
  div_rounded_(c.tensor(0), is_tensor(c[1]) ? c.tensor(1) : number_tensor(c.scalar(1)), mode == "floor");
  return same_object(c);
}

PyObject* pow_handler(const Call& c) {
  if (c.overload == 1) return finish_out(pow(c.scalar(0), c.tensor(1)), c[2], c.function);
  if (c.overload == 2) return finish_out(pow(c.tensor(0), c.scalar(1)), c[2], c.function);
  return finish_out(pow(c.tensor(0), c.tensor(1)), c[2], c.function);
}
PyObject* pow_fast(PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return binary_fast<pow, pow>(args, count, keywords);
}

PyObject* remainder_handler(const Call& c) {
  if (c.overload == 1) return finish_out(remainder(c.scalar(0), c.tensor(1)), c[2], c.function);
  return binary<remainder, remainder>(c);
}

Tensor tensor_or_number(const Call& c, int i) {
  return is_tensor(c[i]) ? c.tensor(i) : number_tensor(c.scalar(i));
}

PyObject* where_handler(const Call& c) {
  if (c.overload == 0)
    return finish_out(where(c.tensor(0), tensor_or_number(c, 1), tensor_or_number(c, 2)), c[3], c.function);
  const Tensor found = nonzero(c.tensor(0).ndim() ? c.tensor(0) : unsqueeze(c.tensor(0), 0));
  const std::vector<Tensor> columns = unbind(found, 1);
  const py::object out = own(PyTuple_New(static_cast<Py_ssize_t>(columns.size())));
  for (size_t i = 0; i < columns.size(); ++i)
    PyTuple_SET_ITEM(out.ptr(), static_cast<Py_ssize_t>(i), wrap(columns[i]));
  return py::object(out).release().ptr();
}

Scalar fill_value(const Call& c, int i) {
  if (is_tensor(c[i]) && c.tensor(i).ndim() != 0)
    fail("masked_fill_ only supports a 0-dimensional value tensor, but got tensor with ", c.tensor(i).ndim(),
         " dimension(s).");
  return c.scalar(i);
}

// ---- the table ----

#define HINOKO_UNARY(name, result, node, value, gradient, keeps, lo, hi, doc)                     \
  {#name, #name "(Tensor input, *, Tensor out=None)", unary<name>, kBoth, doc, unary_fast<name>}, \
      {#name "_", #name "_(Tensor input)", unary_inplace<name##_>, kBoth, "In-place " #name "."},

constexpr Def kRows[] = {
#include "table/unary.def"
    {"arcsin", "arcsin(Tensor input, *, Tensor out=None)", unary<asin>, kBoth, "Alias of asin."},
    {"arcsin_", "arcsin_(Tensor input)", unary_inplace<asin_>, kBoth, "Alias of asin_."},
    {"arccos", "arccos(Tensor input, *, Tensor out=None)", unary<acos>, kBoth, "Alias of acos."},
    {"arccos_", "arccos_(Tensor input)", unary_inplace<acos_>, kBoth, "Alias of acos_."},
    {"arctan", "arctan(Tensor input, *, Tensor out=None)", unary<atan>, kBoth, "Alias of atan."},
    {"arctan_", "arctan_(Tensor input)", unary_inplace<atan_>, kBoth, "Alias of atan_."},
    {"absolute", "absolute(Tensor input, *, Tensor out=None)", unary<abs>, kBoth, "Alias of abs."},
    {"absolute_", "absolute_(Tensor input)", unary_inplace<abs_>, kMethod, "Alias of abs_."},
    {"negative", "negative(Tensor input, *, Tensor out=None)", unary<neg>, kBoth, "Alias of neg."},
    {"negative_", "negative_(Tensor input)", unary_inplace<neg_>, kBoth, "Alias of neg_."},
    {"square", "square(Tensor input, *, Tensor out=None)", unary<square>, kBoth,
     "The square of each element.", unary_fast<square>},
    {"square_", "square_(Tensor input)", unary_inplace<[](const Tensor& x) { pow_(x, Scalar(2)); }>, kBoth,
     "In-place square."},
    {"bitwise_not", "bitwise_not(Tensor input, *, Tensor out=None)", unary<bitwise_not>, kBoth,
     "The bits inverted; logical not for bool."},
    {"bitwise_not_", "bitwise_not_(Tensor input)", unary_inplace<bitwise_not_>, kMethod,
     "In-place bitwise_not."},
    {"logical_not_", "logical_not_(Tensor input)", unary_inplace<logical_not_>, kMethod,
     "In-place logical_not."},
    {"logical_not", "logical_not(Tensor input, *, Tensor out=None)", unary<logical_not>, kBoth,
     "True where an element is zero."},
};
#undef HINOKO_UNARY

#define HINOKO_TWO(name, spelled, doc)                                                                 \
  {spelled,                                                                                            \
   spelled "(Tensor input, TensorOrNumber other, *, Tensor out=None)",                                 \
   binary<name, name>,                                                                                 \
   kBoth,                                                                                              \
   doc,                                                                                                \
   binary_fast<name, name>},                                                                           \
      {spelled "_", spelled "_(Tensor input, TensorOrNumber other)", binary_inplace<name##_, name##_>, \
       kMethod, "In-place " spelled "."}

constexpr const char* kAdd = "add(Tensor input, TensorOrNumber other, *, Number alpha=1, Tensor out=None)";
constexpr const char* kSub = "sub(Tensor input, TensorOrNumber other, *, Number alpha=1, Tensor out=None)";
constexpr const char* kDiv =
    "div(Tensor input, TensorOrNumber other, *, str rounding_mode=None, Tensor out=None)";

// Rows of two operands whose signature is the usual one.
#define HINOKO_FORM_Plain(name, doc) HINOKO_TWO(name, #name, doc),
#define HINOKO_FORM_Tensors(name, doc) \
  {#name, #name "(Tensor input, Tensor other, *, Tensor out=None)", binary_tensors<name>, kBoth, doc},
#define HINOKO_FORM_Own(name, doc)
#define HINOKO_FORM_Pow(name, doc)
#define HINOKO_FORM_Internal(name, doc)
#define HINOKO_BINARY(name, form, result, node, value, gradient_a, gradient_b, keeps_a, keeps_b, doc) \
  HINOKO_FORM_##form(name, doc)

constexpr Def kTwoRows[] = {
#include "table/binary.def"
};
#undef HINOKO_BINARY

constexpr Def kTwo[] = {
    {"add", kAdd, add_handler, kBoth, "input + alpha * other.", binary_fast<add, add>},
    {"add_", "add_(Tensor input, TensorOrNumber other, *, Number alpha=1)",
     inplace_with_alpha<add_, add_, add_>, kMethod, "In-place add."},
    {"sub", kSub, sub_handler, kBoth, "input - alpha * other.", binary_fast<sub, sub>},
    {"subtract", kSub, sub_handler, kBoth, "Alias of sub."},
    {"sub_", "sub_(Tensor input, TensorOrNumber other, *, Number alpha=1)",
     inplace_with_alpha<sub_, sub_, sub_>, kMethod, "In-place sub."},
    {"subtract_", "subtract_(Tensor input, TensorOrNumber other, *, Number alpha=1)",
     inplace_with_alpha<sub_, sub_, sub_>, kMethod, "Alias of sub_."},
    {"rsub", "rsub(Tensor input, TensorOrNumber other, Number alpha=1)", rsub_handler, kFunction,
     "other - alpha * input."},
    HINOKO_TWO(mul, "multiply", "Alias of mul."),
    {"div", kDiv, div_handler, kBoth, "input / other.", binary_fast<div, div>},
    {"divide", kDiv, div_handler, kBoth, "Alias of div."},
    {"true_divide", "true_divide(Tensor input, TensorOrNumber other, *, Tensor out=None)", binary<div, div>,
     kBoth, "Alias of div."},
    {"div_", "div_(Tensor input, TensorOrNumber other, *, str rounding_mode=None)", div_inplace_handler,
     kMethod, "In-place div."},
    {"divide_", "divide_(Tensor input, TensorOrNumber other, *, str rounding_mode=None)", div_inplace_handler,
     kMethod, "Alias of div_."},
    {"true_divide_", "true_divide_(Tensor input, TensorOrNumber other)", binary_inplace<div_, div_>, kMethod,
     "Alias of div_."},
    {"remainder",
     "remainder(Tensor input, TensorOrNumber other, *, Tensor out=None)\nremainder(Number self, Tensor "
     "other, *, Tensor out=None)",
     remainder_handler, kBoth, "The remainder of input / other with the sign of other."},
    {"remainder_", "remainder_(Tensor input, TensorOrNumber other)", binary_inplace<remainder_, remainder_>,
     kMethod, "In-place remainder."},
    {"pow",
     "pow(Tensor input, Tensor exponent, *, Tensor out=None)\npow(Number self, Tensor exponent, *, Tensor "
     "out=None)\n"
     "pow(Tensor input, Number exponent, *, Tensor out=None)",
     pow_handler, kBoth, "input to the power of exponent.", pow_fast},
    {"pow_", "pow_(Tensor input, TensorOrNumber exponent)", binary_inplace<pow_, pow_>, kMethod,
     "In-place pow."},
    HINOKO_TWO(ne, "not_equal", "Alias of ne."),
    HINOKO_TWO(lt, "less", "Alias of lt."),
    HINOKO_TWO(le, "less_equal", "Alias of le."),
    HINOKO_TWO(gt, "greater", "Alias of gt."),
    HINOKO_TWO(ge, "greater_equal", "Alias of ge."),
    {"where",
     "where(Tensor condition, TensorOrNumber input, TensorOrNumber other, *, Tensor out=None)\nwhere(Tensor "
     "condition)",
     where_handler, kFunction,
     "input where condition holds, other elsewhere; with condition alone, where it holds."},
    {"where", "where(Tensor self, Tensor condition, TensorOrNumber other)",
     [](const Call& c) { return wrap(where(c.tensor(1), c.tensor(0), tensor_or_number(c, 2))); }, kMethod,
     "self where condition holds, other elsewhere."},
    {"addcmul", "addcmul(Tensor input, Tensor tensor1, Tensor tensor2, *, Number value=1, Tensor out=None)",
     [](const Call& c) {
       return finish_out(addcmul(c.tensor(0), c.tensor(1), c.tensor(2), c.scalar(3, Scalar(1))), c[4],
                         c.function);
     },
     kBoth, "input + value * tensor1 * tensor2."},
    {"addcmul_", "addcmul_(Tensor input, Tensor tensor1, Tensor tensor2, *, Number value=1)",
     [](const Call& c) {
       addcmul_(c.tensor(0), c.tensor(1), c.tensor(2), c.scalar(3, Scalar(1)));
       return same_object(c);
     },
     kMethod, "In-place addcmul."},
    {"masked_fill", "masked_fill(Tensor input, Tensor mask, TensorOrNumber value)",
     [](const Call& c) { return wrap(masked_fill(c.tensor(0), c.tensor(1), fill_value(c, 2))); }, kBoth,
     "value where mask holds, input elsewhere."},
    {"masked_fill_", "masked_fill_(Tensor input, Tensor mask, TensorOrNumber value)",
     [](const Call& c) {
       masked_fill_(c.tensor(0), c.tensor(1), fill_value(c, 2));
       return same_object(c);
     },
     kMethod, "In-place masked_fill."},
};

}  // namespace

void register_elementwise(Registry& r) {
  r.add<kRows>();
  r.add<kTwoRows>();
  r.add<kTwo>();
}

}  // namespace hinoko::bindings
