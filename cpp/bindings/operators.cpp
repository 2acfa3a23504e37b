// Python's operators on tensors: number slots, comparison, length, indexing. The hot path of the library.
#include "bindings/tensor_slots.h"

namespace hinoko::bindings {

namespace {

bool as_number(PyObject* o, Scalar& out) noexcept {
  if (PyFloat_CheckExact(o)) {
    out = Scalar(PyFloat_AS_DOUBLE(o));
    return true;
  }
  if (PyLong_CheckExact(o)) {
    int overflow = 0;
    const long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow) return false;
    out = Scalar(v);
    return true;
  }
  if (o == Py_True || o == Py_False) {
    out = Scalar(o == Py_True);
    return true;
  }
  return false;
}

// An operand that is neither tensor nor plain number: a numpy scalar or array, or nothing we know.
bool as_unusual_number(PyObject* o, Scalar& out) {
  if (is_tensor(o) || !is_number(o)) return false;
  out = as_scalar(o);
  return true;
}
// A numpy array takes part as the tensor that from_numpy makes of it (which torch refuses on the left).
py::object array_as_tensor(PyObject* o) {
  return is_ndarray(o) ? own(wrap(tensor_from_buffer(o, true))) : py::object();
}

using TensorTensor = Tensor (*)(const Tensor&, const Tensor&);
using TensorScalar = Tensor (*)(const Tensor&, const Scalar&);
using ScalarTensor = Tensor (*)(const Scalar&, const Tensor&);

Tensor add_r(const Scalar& a, const Tensor& b) { return add(b, a); }
Tensor sub_r(const Scalar& a, const Tensor& b) { return rsub(b, a); }
Tensor mul_r(const Scalar& a, const Tensor& b) { return mul(b, a); }
Tensor gt_r(const Scalar& a, const Tensor& b) { return lt(b, a); }
Tensor ge_r(const Scalar& a, const Tensor& b) { return le(b, a); }
Tensor lt_r(const Scalar& a, const Tensor& b) { return gt(b, a); }
Tensor le_r(const Scalar& a, const Tensor& b) { return ge(b, a); }
Tensor eq_r(const Scalar& a, const Tensor& b) { return eq(b, a); }
Tensor ne_r(const Scalar& a, const Tensor& b) { return ne(b, a); }
Tensor and_r(const Scalar& a, const Tensor& b) { return bitwise_and(b, a); }
Tensor or_r(const Scalar& a, const Tensor& b) { return bitwise_or(b, a); }
Tensor xor_r(const Scalar& a, const Tensor& b) { return bitwise_xor(b, a); }

// One operator: tensor op tensor, tensor op number, number op tensor.
template <TensorTensor TT, TensorScalar TS, ScalarTensor ST>
PyObject* binary_slot(PyObject* a, PyObject* b) noexcept {
  return guarded([&]() -> PyObject* {
    Scalar number;
    if (is_tensor_exact(a)) {
      if (is_tensor_exact(b)) return wrap(TT(as_tensor(a), as_tensor(b)));
      if (as_number(b, number)) return wrap(TS(as_tensor(a), number));
    } else if (is_tensor_exact(b) && as_number(a, number)) {
      return wrap(ST(number, as_tensor(b)));
    }
    if (is_tensor(a)) {
      if (is_tensor(b)) return wrap(TT(as_tensor(a), as_tensor(b)));
      if (as_number(b, number) || as_unusual_number(b, number)) return wrap(TS(as_tensor(a), number));
      if (PyLong_Check(b)) fail("Overflow when unpacking long long");
      if (const py::object array = array_as_tensor(b)) return wrap(TT(as_tensor(a), as_tensor(array.ptr())));
    } else if (is_tensor(b)) {
      if (as_number(a, number) || as_unusual_number(a, number)) return wrap(ST(number, as_tensor(b)));
      if (PyLong_Check(a)) fail("Overflow when unpacking long long");
      if (const py::object array = array_as_tensor(a)) return wrap(TT(as_tensor(array.ptr()), as_tensor(b)));
    }
    Py_RETURN_NOTIMPLEMENTED;
  });
}

using InplaceTensor = void (*)(const Tensor&, const Tensor&);
using InplaceScalar = void (*)(const Tensor&, const Scalar&);

template <InplaceTensor TT, InplaceScalar TS>
PyObject* inplace_slot(PyObject* a, PyObject* b) noexcept {
  return guarded([&]() -> PyObject* {
    Scalar number;
    if (!is_tensor(a)) Py_RETURN_NOTIMPLEMENTED;
    if (is_tensor(b)) {
      TT(as_tensor(a), as_tensor(b));
    } else if (as_number(b, number) || as_unusual_number(b, number)) {
      TS(as_tensor(a), number);
    } else {
      Py_RETURN_NOTIMPLEMENTED;
    }
    Py_INCREF(a);
    return a;
  });
}

PyObject* power(PyObject* a, PyObject* b, PyObject* modulus) noexcept {
  if (modulus != Py_None) {
    PyErr_SetString(PyExc_TypeError, "pow() with a modulus is not supported for tensors");
    return nullptr;
  }
  return binary_slot<pow, pow, pow>(a, b);
}
PyObject* inplace_power(PyObject* a, PyObject* b, PyObject*) noexcept {
  return inplace_slot<pow_, pow_>(a, b);
}

PyObject* matrix_multiply(PyObject* a, PyObject* b) noexcept {
  return guarded([&]() -> PyObject* {
    if (!is_tensor(a) || !is_tensor(b)) Py_RETURN_NOTIMPLEMENTED;
    return wrap(matmul(as_tensor(a), as_tensor(b)));
  });
}

PyObject* negative(PyObject* a) noexcept {
  return guarded([&] { return wrap(neg(as_tensor(a))); });
}
PyObject* positive(PyObject* a) noexcept {
  return guarded([&] {
    if (as_tensor(a).dtype() == DType::Bool) fail("The `+` operator, on a bool tensor is not supported.");
    Py_INCREF(a);
    return a;
  });
}
PyObject* absolute(PyObject* a) noexcept {
  return guarded([&] { return wrap(abs(as_tensor(a))); });
}
PyObject* invert(PyObject* a) noexcept {
  return guarded([&] {
    if (is_floating(as_tensor(a).dtype()))
      fail(ErrorKind::Type, "~ (operator.invert) is only implemented on integer and Boolean-type tensors");
    return wrap(bitwise_not(as_tensor(a)));
  });
}

}  // namespace

void warn_scalar_conversion(const Tensor& t) {
  if (!t.requires_grad()) return;
  HINOKO_WARN_ONCE(
      "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\n"
      "Consider using tensor.detach() first.");
}

namespace {

const Tensor& one_element(PyObject* a) {
  const Tensor& t = as_tensor(a);
  if (t.numel() != 1) fail(ErrorKind::Value, "only one element tensors can be converted to Python scalars");
  return t;
}

int to_bool(PyObject* a) noexcept {
  return guarded(
      [&]() -> int {
        const Tensor& t = as_tensor(a);
        if (t.numel() == 0) fail("Boolean value of Tensor with no values is ambiguous");
        if (t.numel() > 1) fail("Boolean value of Tensor with more than one value is ambiguous");
        return t.item().to_bool();
      },
      -1);
}
PyObject* to_float(PyObject* a) noexcept {
  return guarded([&] {
    const Tensor& t = one_element(a);
    warn_scalar_conversion(t);
    return PyFloat_FromDouble(t.item().to_double());
  });
}
PyObject* to_int(PyObject* a) noexcept {
  return guarded([&] {
    const Tensor& t = one_element(a);
    warn_scalar_conversion(t);
    const Scalar s = t.item();
    // Python's rules for infinities and nan.
    return s.is_float() ? PyLong_FromDouble(s.to_double()) : PyLong_FromLongLong(s.to_int());
  });
}
PyObject* to_index(PyObject* a) noexcept {
  return guarded([&] {
    const Tensor& t = as_tensor(a);
    if (t.numel() != 1 || is_floating(t.dtype()))
      fail(ErrorKind::Type, "only integer tensors of a single element can be converted to an index");
    return PyLong_FromLongLong(t.item().to_int());
  });
}

PyObject* compare(PyObject* a, PyObject* b, int op) noexcept {
  switch (op) {
    case Py_LT:
      return binary_slot<lt, lt, lt_r>(a, b);
    case Py_LE:
      return binary_slot<le, le, le_r>(a, b);
    case Py_EQ:
      return binary_slot<eq, eq, eq_r>(a, b);
    case Py_NE:
      return binary_slot<ne, ne, ne_r>(a, b);
    case Py_GT:
      return binary_slot<gt, gt, gt_r>(a, b);
    default:
      return binary_slot<ge, ge, ge_r>(a, b);
  }
}

Py_ssize_t length(PyObject* a) noexcept {
  const Tensor& t = as_tensor(a);
  if (t.ndim() == 0) {
    PyErr_SetString(PyExc_TypeError, "len() of a 0-d tensor");
    return -1;
  }
  return static_cast<Py_ssize_t>(t.size(0));
}

PyObject* iterate(PyObject* a) noexcept {
  return guarded([&] {
    const Tensor& t = as_tensor(a);
    if (t.ndim() == 0) fail(ErrorKind::Type, "iteration over a 0-d tensor");
    const std::vector<Tensor> items = unbind(t, 0);
    const py::object list = own(PyList_New(static_cast<Py_ssize_t>(items.size())));
    for (size_t i = 0; i < items.size(); ++i)
      PyList_SET_ITEM(list.ptr(), static_cast<Py_ssize_t>(i), wrap(items[i]));
    return PyObject_GetIter(list.ptr());
  });
}

int contains(PyObject* a, PyObject* item) noexcept {
  return guarded(
      [&]() -> int {
        const Tensor& t = as_tensor(a);
        const GradModeGuard guard(false);
        Scalar number;
        Tensor found;
        if (is_tensor(item)) {
          found = eq(t, as_tensor(item));
        } else if (as_number(item, number) || as_unusual_number(item, number)) {
          found = eq(t, number);
        } else {
          fail("Tensor.__contains__ only supports Tensor or scalar, but you passed in a ",
               std::string(py::str(py::type::handle_of(item))), ".");
        }
        const Tensor dense = contiguous(found);
        const bool* values = dense.data<bool>();
        return std::any_of(values, values + dense.numel(), [](bool v) { return v; });
      },
      -1);
}

template <class F>
void* slot(F* f) {
  return reinterpret_cast<void*>(f);
}

PyObject* subscript_slot(PyObject* self, PyObject* key) noexcept {
  return guarded([&] { return subscript(self, key); });
}
int assign_slot(PyObject* self, PyObject* key, PyObject* value) noexcept {
  return guarded_int([&] { assign_subscript(self, key, value); });
}

}  // namespace

[[gnu::cold]] void add_operator_slots(std::vector<PyType_Slot>& slots) {
  const PyType_Slot all[] = {
      {Py_nb_add, slot(binary_slot<add, add, add_r>)},
      {Py_nb_subtract, slot(binary_slot<sub, sub, sub_r>)},
      {Py_nb_multiply, slot(binary_slot<mul, mul, mul_r>)},
      {Py_nb_true_divide, slot(binary_slot<div, div, divide>)},
      {Py_nb_floor_divide, slot(binary_slot<floor_divide, floor_divide, floor_divide>)},
      {Py_nb_remainder, slot(binary_slot<remainder, remainder, remainder>)},
      {Py_nb_power, slot(power)},
      {Py_nb_matrix_multiply, slot(matrix_multiply)},
      {Py_nb_and, slot(binary_slot<bitwise_and, bitwise_and, and_r>)},
      {Py_nb_or, slot(binary_slot<bitwise_or, bitwise_or, or_r>)},
      {Py_nb_xor, slot(binary_slot<bitwise_xor, bitwise_xor, xor_r>)},
      {Py_nb_inplace_add, slot(inplace_slot<add_, add_>)},
      {Py_nb_inplace_subtract, slot(inplace_slot<sub_, sub_>)},
      {Py_nb_inplace_multiply, slot(inplace_slot<mul_, mul_>)},
      {Py_nb_inplace_true_divide, slot(inplace_slot<div_, div_>)},
      {Py_nb_inplace_floor_divide, slot(inplace_slot<floor_divide_, floor_divide_>)},
      {Py_nb_inplace_remainder, slot(inplace_slot<remainder_, remainder_>)},
      {Py_nb_inplace_power, slot(inplace_power)},
      {Py_nb_inplace_and, slot(inplace_slot<bitwise_and_, bitwise_and_>)},
      {Py_nb_inplace_or, slot(inplace_slot<bitwise_or_, bitwise_or_>)},
      {Py_nb_inplace_xor, slot(inplace_slot<bitwise_xor_, bitwise_xor_>)},
      {Py_nb_negative, slot(negative)},
      {Py_nb_positive, slot(positive)},
      {Py_nb_absolute, slot(absolute)},
      {Py_nb_invert, slot(invert)},
      {Py_nb_bool, slot(to_bool)},
      {Py_nb_float, slot(to_float)},
      {Py_nb_int, slot(to_int)},
      {Py_nb_index, slot(to_index)},
      {Py_tp_richcompare, slot(compare)},
      {Py_tp_iter, slot(iterate)},
      {Py_mp_length, slot(length)},
      {Py_mp_subscript, slot(subscript_slot)},
      {Py_mp_ass_subscript, slot(assign_slot)},
      {Py_sq_length, slot(length)},
      {Py_sq_contains, slot(contains)},
  };
  slots.insert(slots.end(), std::begin(all), std::end(all));
}

}  // namespace hinoko::bindings
