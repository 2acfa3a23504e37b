// Attributes of tensors: x.grad, x.shape, x.requires_grad = True, ...
#include "bindings/tensor_slots.h"

namespace hinoko::bindings {

namespace {

// A getter whose body may throw.
template <auto F>
PyObject* get(PyObject* self, void*) noexcept {
  return guarded([&]() -> PyObject* { return F(as_tensor(self)); });
}
template <auto F>
int set(PyObject* self, PyObject* value, void*) noexcept {
  return guarded_int([&] { F(as_tensor(self), value); });
}
template <auto F>
PyGetSetDef getter(const char* name, const char* doc) {
  return {name, get<F>, nullptr, doc, nullptr};
}

PyObject* yes_or_no(bool v) { return PyBool_FromLong(v); }

PyObject* grad(const Tensor& t) {
  if (!t.is_leaf() && !(t->meta && (t->meta->retains_grad || t->meta->grad)))
    check(PyErr_WarnEx(PyExc_UserWarning,
                       "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its "
                       ".grad attribute won't be "
                       "populated during autograd.backward(). If you indeed want the .grad field to be "
                       "populated for a non-leaf "
                       "Tensor, use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor "
                       "by mistake, make sure "
                       "you access the leaf Tensor instead. See github.com/pytorch/pytorch/pull/30531 for "
                       "more informations.",
                       1));
  return wrap_or_none(grad_of(t));
}
void assign_grad(const Tensor& t, PyObject* value) {
  if (!value || value == Py_None) {
    set_grad(t, Tensor());
    return;
  }
  if (!is_tensor(value))
    fail(ErrorKind::Type, "assigned grad expected to be a Tensor or None but got grad of type ",
         Py_TYPE(value)->tp_name);
  set_grad(t, as_tensor(value));
}

void assign_requires_grad(const Tensor& t, PyObject* value) {
  if (!value || !PyBool_Check(value)) fail("requires_grad must be a bool");
  if (!t.is_leaf()) {
    set_requires_grad(t, false);  // which a computed tensor refuses
    return;
  }
  if (value == Py_True && !is_floating(t.dtype()))
    fail("only Tensors of floating point and complex dtype can require gradients");
  set_requires_grad(t, value == Py_True);
}

PyObject* data(const Tensor& t) {
  Tensor out = detach(t);
  out->flags |= kUncounted;
  return wrap(std::move(out));
}
void assign_data(const Tensor& t, PyObject* value) {
  if (!value || !is_tensor(value))
    fail(ErrorKind::Type, "Variable data has to be a tensor, but got ",
         value ? Py_TYPE(value)->tp_name : "nothing");
  const Tensor& source = as_tensor(value);
  if (t.requires_grad() && !is_floating(source.dtype()))
    fail("data set to a tensor that requires gradients must be floating point or complex dtype");
  set_data(*t, source);
}

PyObject* transposed(const Tensor& t) {
  if (t.ndim() == 0) {
    HINOKO_WARN_ONCE("Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases.");
  } else if (t.ndim() != 2) {
    HINOKO_WARN_ONCE(
        "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it "
        "will throw "
        "an error in a future release. Consider `x.mT` to transpose batches of matrices or "
        "`x.permute(*torch.arange("
        "x.ndim - 1, -1, -1))` to reverse the dimensions of a tensor.");
  }
  Dims order;
  for (int i = t.ndim() - 1; i >= 0; --i) order.push_back(i);
  return wrap(permute(t, order));
}
PyObject* matrix_transposed(const Tensor& t) {
  if (t.ndim() == 0) {
    HINOKO_WARN_ONCE("Tensor.mT is deprecated on 0-D tensors. This function is the identity in these cases.");
    return wrap(permute(t, {}));
  }
  if (t.ndim() < 2)
    fail("tensor.mT is only supported on matrices or batches of matrices. Got ", t.ndim(), "-D tensor.");
  return wrap(transpose(t, -2, -1));
}

PyGetSetDef g_getset[] = {
    {"grad", get<grad>, set<assign_grad>, "The gradient that backward() accumulated, or None.", nullptr},
    {"requires_grad", get<[](const Tensor& t) { return yes_or_no(t.requires_grad()); }>,
     set<assign_requires_grad>, "Whether gradients are computed for this tensor.", nullptr},
    {"data", get<data>, set<assign_data>,
     "The same data outside of the graph; changes through it are not noticed.", nullptr},
    getter<[](const Tensor& t) { return node_object(grad_fn(t)); }>(
        "grad_fn", "The node that made this tensor, or None for a leaf."),
    getter<[](const Tensor& t) { return yes_or_no(!grad_fn(t)); }>(
        "is_leaf", "Whether this tensor was made by the user or needs no gradient."),
    getter<[](const Tensor& t) {
      PyObject* o = dtype_object(t.dtype());
      Py_INCREF(o);
      return o;
    }>("dtype", "The type of the elements."),
    getter<[](const Tensor& t) { return size_object(t.sizes()); }>("shape", "The size of each dimension."),
    getter<[](const Tensor& t) { return PyLong_FromLong(t.ndim()); }>("ndim", "The number of dimensions."),
    getter<[](const Tensor&) {
      Py_INCREF(cpu_device());
      return cpu_device();
    }>("device", "Where the data lives: device(type='cpu')."),
    getter<[](const Tensor&) {
      Py_INCREF(strided_layout());
      return strided_layout();
    }>("layout", "torch.strided."),
    getter<transposed>("T", "The tensor with its dimensions reversed."),
    getter<matrix_transposed>("mT", "The tensor with its last two dimensions exchanged."),
    getter<[](const Tensor& t) { return yes_or_no(t->meta && t->meta->retains_grad); }>(
        "retains_grad", "Whether a non-leaf keeps its gradient."),
    getter<[](const Tensor& t) { return PyLong_FromUnsignedLong(t->version()); }>(
        "_version", "How often the data was changed in place."),
    getter<[](const Tensor& t) { return t->flags & kIsView ? wrap(t->meta->base) : wrap_or_none(Tensor()); }>(
        "_base", "The tensor that a view shows, or None."),
    getter<[](const Tensor& t) { return PyLong_FromUnsignedLong(t->output_nr); }>(
        "output_nr", "Which output of its grad_fn this tensor is."),
    getter<[](const Tensor& t) { return PyLong_FromSize_t(item_size(t.dtype())); }>("itemsize",
                                                                                    "Bytes per element."),
    getter<[](const Tensor& t) {
      return PyLong_FromUnsignedLongLong(static_cast<uint64_t>(t.numel()) * item_size(t.dtype()));
    }>("nbytes", "Bytes of all elements."),
    getter<[](const Tensor&) { return yes_or_no(false); }>("is_cuda", "False."),
    getter<[](const Tensor&) { return yes_or_no(true); }>("is_cpu", "True."),
    getter<[](const Tensor&) { return yes_or_no(false); }>("is_sparse", "False."),
    getter<[](const Tensor&) { return yes_or_no(false); }>("is_quantized", "False."),
    getter<[](const Tensor&) { return yes_or_no(false); }>("is_meta", "False."),
    getter<[](const Tensor&) { return yes_or_no(false); }>("is_mps", "False."),
    getter<[](const Tensor& t) { return wrap(t); }>("real",
                                                    "The tensor itself: hinoko has no complex numbers."),
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

PyGetSetDef* tensor_getset() { return g_getset; }

}  // namespace hinoko::bindings
