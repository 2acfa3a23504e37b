// Memory shared with numpy, by the buffer protocol: no numpy header, and numpy is imported only when asked
// for.
#include <cstring>

#include "bindings/python.h"

namespace hinoko::bindings {

namespace {

// Exports a tensor's memory and keeps it alive.
struct Exporter {
  PyObject ob_base;
  TensorImpl* impl;
  Py_ssize_t* geometry;  // shape, then strides in bytes
};

const char* format_of(DType d) {
  switch (d) {
    case DType::Bool:
      return "?";
    case DType::Int32:
      return "i";
    case DType::Int64:
      return sizeof(long) == 8 ? "l" : "q";
    case DType::Float32:
      return "f";
    case DType::Float64:
      return "d";
  }
  return "B";
}

int get_buffer(PyObject* o, Py_buffer* view, int) {
  auto* self = reinterpret_cast<Exporter*>(o);
  const Tensor& t = reinterpret_cast<const Tensor&>(self->impl);
  view->obj = o;
  Py_INCREF(o);
  view->buf = t.raw();
  view->len = static_cast<Py_ssize_t>(t.numel() * static_cast<int64_t>(item_size(t.dtype())));
  view->readonly = 0;
  view->itemsize = static_cast<Py_ssize_t>(item_size(t.dtype()));
  view->format = const_cast<char*>(format_of(t.dtype()));
  view->ndim = t.ndim();
  view->shape = self->geometry;
  view->strides = self->geometry + t.ndim();
  view->suboffsets = nullptr;
  view->internal = nullptr;
  return 0;
}

void dealloc(PyObject* o) {
  auto* self = reinterpret_cast<Exporter*>(o);
  PyTypeObject* type = Py_TYPE(o);
  PyMem_Free(self->geometry);
  if (self->impl) self->impl->unref();
  type->tp_free(o);
  Py_DECREF(type);
}

PyTypeObject* exporter_type() {
  static PyTypeObject* type = [] {
    PyType_Slot slots[] = {
        {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
        {Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)},
        {0, nullptr},
    };
    PyType_Spec spec = {"hinoko._C._Memory", sizeof(Exporter), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    return reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)));
  }();
  return type;
}

py::object export_memory(const Tensor& t) {
  PyTypeObject* type = exporter_type();
  auto* self = reinterpret_cast<Exporter*>(check(type->tp_alloc(type, 0)));
  const py::object held = own(&self->ob_base);
  self->geometry =
      static_cast<Py_ssize_t*>(PyMem_Malloc(sizeof(Py_ssize_t) * (2 * static_cast<size_t>(t.ndim()) + 1)));
  if (!self->geometry) throw std::bad_alloc();
  for (int i = 0; i < t.ndim(); ++i) {
    self->geometry[i] = static_cast<Py_ssize_t>(t.size(i));
    self->geometry[t.ndim() + i] =
        static_cast<Py_ssize_t>(t.stride(i) * static_cast<int64_t>(item_size(t.dtype())));
  }
  t->ref();
  self->impl = t.get();
  return held;
}

void release_array(void* owner) noexcept { Py_DECREF(static_cast<PyObject*>(owner)); }

struct BufferView {
  Py_buffer view;
  explicit BufferView(PyObject* o) { check(PyObject_GetBuffer(o, &view, PyBUF_RECORDS_RO)); }
  ~BufferView() { PyBuffer_Release(&view); }
};

DType dtype_of_array(const py::object& dtype) {
  const std::string name = py::str(dtype.attr("name"));
  for (int i = 0; i < kNumDTypes; ++i)
    if (name == dtype_name(static_cast<DType>(i))) return static_cast<DType>(i);
  fail(ErrorKind::Type, "can't convert np.ndarray of type numpy.",
       std::string(py::str(dtype.attr("type").attr("__name__"))),
       ". The only supported types are: float64, float32, int64, int32, and bool.");
}

// Whether a buffer's elements are what the array's dtype attribute says: a subclass may say anything.
bool holds(const Py_buffer& view, DType dtype) {
  if (view.itemsize != static_cast<Py_ssize_t>(item_size(dtype)) || !view.format) return false;
  const char* code = view.format;
  while (*code && std::strchr("@=<^", *code)) ++code;
  const char* const wanted = dtype == DType::Bool ? "?" : is_floating(dtype) ? "fd" : "ilq";
  return *code && std::strchr(wanted, *code) && !code[1];
}

}  // namespace

PyObject* tensor_numpy(const Tensor& t) {
  if (t.requires_grad() && grad_enabled())
    fail("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.");
  static PyObject* const asarray = py::object(py::module_::import("numpy").attr("asarray")).release().ptr();
  return check(PyObject_CallOneArg(asarray, export_memory(t).ptr()));
}

Tensor tensor_from_buffer(PyObject* array, bool copy) {
  const py::object dtype_object = borrow(array).attr("dtype");
  const DType dtype = dtype_of_array(dtype_object);
  if (!dtype_object.attr("isnative").cast<bool>())
    fail(ErrorKind::Value,
         "given numpy array has byte order different from the native byte order. Conversion between byte "
         "orders is currently not supported.");
  const BufferView buffer(array);
  const Py_buffer& view = buffer.view;
  const int64_t width = static_cast<int64_t>(item_size(dtype));
  if (!holds(view, dtype))
    fail(ErrorKind::Type, "the memory of the given array is not of its dtype ", dtype_name(dtype));
  // Loops count on elements at multiples of their size. A copy by numpy brings them there.
  if (reinterpret_cast<uintptr_t>(view.buf) % static_cast<uintptr_t>(width) && view.len > 0) {
    if (!copy)
      fail(ErrorKind::Value,
           "given numpy array is not aligned to its element size. Copy the numpy array to reallocate the "
           "memory.");
    return tensor_from_buffer(own(PyObject_CallMethod(array, "copy", nullptr)).ptr(), true);
  }
  Dims sizes, strides;
  for (int i = 0; i < view.ndim; ++i) {
    sizes.push_back(view.shape[i]);
    if (view.strides[i] < 0 && view.shape[i] > 1)
      fail(ErrorKind::Value,
           "At least one stride in the given numpy array is negative, and tensors with negative strides are "
           "not currently supported. "
           "(You can probably work around this by making a copy of your array  with array.copy().) ");
    if (view.strides[i] % width)
      fail(ErrorKind::Value,
           "given numpy array strides not a multiple of the element byte size. Copy the numpy array to "
           "reallocate the memory.");
    strides.push_back(std::max<int64_t>(view.strides[i] / width, 0));
  }
  if (!copy && view.readonly)
    check(PyErr_WarnEx(PyExc_UserWarning,
                       "The given NumPy array is not writable, and PyTorch does not support non-writable "
                       "tensors. This means writing to "
                       "this tensor will result in undefined behavior. You may want to copy the array to "
                       "protect its data or make it "
                       "writable before converting it to a tensor. This type of warning will be suppressed "
                       "for the rest of this program.",
                       1));
  if (view.ndim > 64) fail("too many dimensions: at most 64 are supported, got ", view.ndim);
  (void)count_elements(sizes);  // what from_external might refuse, before it owns the array
  Py_INCREF(array);
  Tensor shared = from_external(view.buf, sizes, strides, dtype, array, release_array);
  if (!copy) return shared;
  Tensor out = empty(sizes, dtype);
  copy_raw(out, shared);
  return out;
}

}  // namespace hinoko::bindings
