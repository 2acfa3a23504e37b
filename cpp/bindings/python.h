// Python and pybind11, and the few words that every file of the bindings uses: the tensor wrapper,
// translation of exceptions, owned references.
#pragma once

#include <pybind11/pybind11.h>

#include "ops/ops.h"

namespace hinoko::bindings {

namespace py = pybind11;

// Sets the Python error for the exception in flight; the one place where exceptions are translated.
void set_python_error() noexcept;

// Runs f() and returns its result; nullptr with the Python error set if it throws.
template <class F>
auto guarded(F&& f, decltype(f()) failed = {}) noexcept -> decltype(f()) {
  try {
    return f();
  } catch (...) {
    set_python_error();
    return failed;
  }
}
template <class F>
int guarded_int(F&& f) noexcept {
  try {
    f();
    return 0;
  } catch (...) {
    set_python_error();
    return -1;
  }
}

// A Python error is set: leave through the core.
[[noreturn]] inline void throw_python_error() { throw ForeignError(); }
inline PyObject* check(PyObject* result) {
  if (!result) throw_python_error();
  return result;
}
inline void check(int result) {
  if (result < 0) throw_python_error();
}
inline py::object own(PyObject* result) { return py::reinterpret_steal<py::object>(check(result)); }
inline py::object borrow(PyObject* object) { return py::reinterpret_borrow<py::object>(object); }

// ---- the Tensor type (tensor_type.cpp) ----

struct PyTensor {
  PyObject ob_base;
  TensorImpl* impl;
  PyObject* dict;
  PyObject* weakrefs;
};
extern PyTypeObject* g_tensor_type;

inline bool is_tensor_exact(PyObject* o) noexcept { return Py_TYPE(o) == g_tensor_type; }
inline bool is_tensor(PyObject* o) noexcept {
  return is_tensor_exact(o) || PyType_IsSubtype(Py_TYPE(o), g_tensor_type);
}
// A view of the wrapper's tensor without a reference count: valid as long as the wrapper is.
inline const Tensor& as_tensor(PyObject* o) noexcept {
  static_assert(sizeof(Tensor) == sizeof(TensorImpl*));
  return reinterpret_cast<const Tensor&>(reinterpret_cast<PyTensor*>(o)->impl);
}
PyObject* wrap_new(Tensor&& t, PyTypeObject* type = nullptr);
// The wrapper that a tensor kept alive (kOwnsHandle), which owns the tensor again from now on.
PyObject* take_back_handle(Tensor&& t);
// The Python object of a tensor: the same one as long as it lives. New reference.
inline PyObject* wrap(Tensor&& t) {
  if (auto* existing = static_cast<PyObject*>(t->handle)) {
    if (t->flags & kOwnsHandle) return take_back_handle(std::move(t));
    Py_INCREF(existing);
    return existing;
  }
  return wrap_new(std::move(t));
}
inline PyObject* wrap(const Tensor& t) { return wrap(Tensor(t)); }
inline PyObject* wrap_or_none(Tensor&& t) {
  if (!t) Py_RETURN_NONE;
  return wrap(std::move(t));
}
void init_tensor_type(py::module_& m);
void track(PyObject* tensor);  // tells the garbage collector of a tensor that may be part of a cycle

// ---- small types (types.cpp): dtype, device, layout, Size ----
PyObject* dtype_object(DType d);  // borrowed
bool is_dtype(PyObject* o);       // a dtype, or Python's float, int or bool, which stand for one
DType as_dtype(PyObject* o);
PyObject* size_object(DimSpan sizes);  // torch.Size, new reference
bool is_size(PyObject* o);
PyObject* cpu_device();          // borrowed
void check_device(PyObject* o);  // accepts 'cpu', device('cpu'), None; torch's error otherwise
bool is_device(PyObject* o);
PyObject* strided_layout();  // borrowed
bool is_layout(PyObject* o);
bool is_memory_format(PyObject* o);
bool is_contiguous_format(PyObject* o);  // contiguous_format rather than preserve_format
void init_types(py::module_& m);

// ---- numbers and sequences (convert.cpp) ----
bool is_number(PyObject* o);    // bool, int, float and numpy's scalars
Scalar as_scalar(PyObject* o);  // of a number or a one-element tensor
int64_t as_int(PyObject* o);
double as_double(PyObject* o);
PyObject* scalar_object(const Scalar& s);  // new reference
bool is_int(PyObject* o);                  // int, numpy integer, integral one-element tensor; not bool
bool is_int_sequence(PyObject* o);
Dims as_dims(PyObject* o);     // of an int or a sequence of ints
bool is_ndarray(PyObject* o);  // without importing numpy
bool is_numpy_scalar(PyObject* o);
std::vector<Tensor> as_tensors(PyObject* sequence);
// torch.tensor: copies numbers, nested sequences, arrays, tensors.
Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype);
PyObject* to_list(const Tensor& t);  // tolist()

// Warns that a number is read out of a tensor that requires grad.
void warn_scalar_conversion(const Tensor& t);
// Sets requires_grad on a tensor that was just made.
void ask_for_grad(const Tensor& t);
// torch's warnings that come once per process.
#define HINOKO_WARN_ONCE(text)                                                        \
  do {                                                                                \
    static bool shown = false;                                                        \
    if (!std::exchange(shown, true)) check(PyErr_WarnEx(PyExc_UserWarning, text, 1)); \
  } while (0)

// ---- one function per file of the bindings ----
void init_node_type(py::module_& m);
void init_autograd(py::module_& m);
void init_optim(py::module_& m);
void init_random(py::module_& m);
void init_printing(py::module_& m);

PyObject* node_object(Node* node);  // new reference; None for null
std::string tensor_repr(PyObject* tensor);
PyObject* tensor_numpy(const Tensor& t);  // shares memory
Tensor tensor_from_buffer(PyObject* array, bool copy);
PyObject* subscript(PyObject* self, PyObject* key);  // indexing.cpp
int assign_subscript(PyObject* self, PyObject* key, PyObject* value);

}  // namespace hinoko::bindings
