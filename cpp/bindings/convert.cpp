// Python values to and from the core's: numbers, shapes, nested sequences, lists.
#include "bindings/python.h"

namespace hinoko::bindings {

namespace {

// numpy's types, once somebody else has imported numpy; null before.
PyTypeObject* numpy_type(const char* name, PyTypeObject*& cache) {
  if (cache) return cache;
  PyObject* modules = PyImport_GetModuleDict();
  PyObject* numpy = PyDict_GetItemString(modules, "numpy");
  if (!numpy) return nullptr;
  PyObject* type = PyObject_GetAttrString(numpy, name);
  if (!type) {  // numpy is being imported
    PyErr_Clear();
    return nullptr;
  }
  if (!PyType_Check(type)) {  // something else that goes by the name of numpy
    Py_DECREF(type);
    return nullptr;
  }
  cache = reinterpret_cast<PyTypeObject*>(type);
  return cache;
}

PyTypeObject* g_generic = nullptr;
PyTypeObject* g_ndarray = nullptr;
PyTypeObject* g_numpy_bool = nullptr;
PyTypeObject* g_numpy_integer = nullptr;

bool is_numpy_integer(PyObject* o) {
  PyTypeObject* type = is_numpy_scalar(o) ? numpy_type("integer", g_numpy_integer) : nullptr;
  return type && PyObject_TypeCheck(o, type);
}

}  // namespace

namespace {
bool is_numpy_bool(PyObject* o) {
  PyTypeObject* type = numpy_type("bool_", g_numpy_bool);
  return type && PyObject_TypeCheck(o, type);
}
}  // namespace

bool is_numpy_scalar(PyObject* o) {
  PyTypeObject* type = numpy_type("generic", g_generic);
  return type && PyObject_TypeCheck(o, type);
}
bool is_ndarray(PyObject* o) {
  PyTypeObject* type = numpy_type("ndarray", g_ndarray);
  return type && PyObject_TypeCheck(o, type);
}

bool is_number(PyObject* o) {
  if (PyFloat_Check(o) || PyLong_Check(o)) return true;
  return is_numpy_scalar(o) && (is_numpy_bool(o) || is_numpy_integer(o) || PyNumber_Check(o));
}

Scalar as_scalar(PyObject* o) {
  if (PyFloat_Check(o)) return Scalar(PyFloat_AS_DOUBLE(o));
  if (PyBool_Check(o)) return Scalar(o == Py_True);
  if (PyLong_Check(o)) {
    int overflow = 0;
    const long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow) fail(ErrorKind::Value, "Overflow when unpacking long long");
    return Scalar(v);
  }
  if (is_tensor(o)) {
    const Tensor& t = as_tensor(o);
    if (t.numel() != 1) fail(ErrorKind::Value, "only one element tensors can be converted to Python scalars");
    return t.item();
  }
  if (is_numpy_scalar(o)) {
    // torch reads numpy's bool as a real number.
    if (is_numpy_bool(o)) return Scalar(PyObject_IsTrue(o) == 1 ? 1.0 : 0.0);
    if (is_numpy_integer(o)) return as_scalar(own(PyNumber_Index(o)).ptr());
  }
  const double v = PyFloat_AsDouble(o);
  if (v == -1.0 && PyErr_Occurred()) throw_python_error();
  return Scalar(v);
}

PyObject* scalar_object(const Scalar& s) {
  switch (s.kind()) {
    case Scalar::Kind::Bool:
      return PyBool_FromLong(s.to_bool());
    case Scalar::Kind::Int:
      return check(PyLong_FromLongLong(s.to_int()));
    case Scalar::Kind::Float:
      break;
  }
  return check(PyFloat_FromDouble(s.to_double()));
}

bool is_int(PyObject* o) {
  if (PyLong_Check(o)) return !PyBool_Check(o);
  if (is_tensor(o)) return as_tensor(o).numel() == 1 && is_integral(as_tensor(o).dtype());
  return is_numpy_integer(o);
}
int64_t as_int(PyObject* o) {
  if (is_tensor(o)) {
    if (!is_int(o))
      fail(ErrorKind::Type, "only integer tensors of a single element can be converted to an index");
    return as_tensor(o).item().to_int();
  }
  const py::object index = PyLong_Check(o) ? borrow(o) : own(PyNumber_Index(o));
  int overflow = 0;
  const long long v = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
  if (overflow) fail(ErrorKind::Value, "Overflow when unpacking long long");
  if (v == -1 && PyErr_Occurred()) throw_python_error();
  return v;
}
double as_double(PyObject* o) {
  if (PyFloat_Check(o)) return PyFloat_AS_DOUBLE(o);
  return as_scalar(o).to_double();
}

bool is_int_sequence(PyObject* o) {
  if (!PyTuple_Check(o) && !PyList_Check(o)) return false;
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
  for (Py_ssize_t i = 0; i < n; ++i)
    if (!is_int(PySequence_Fast_GET_ITEM(o, i))) return false;
  return true;
}
Dims as_dims(PyObject* o) {
  Dims out;
  if (!PyTuple_Check(o) && !PyList_Check(o)) {
    out.push_back(as_int(o));
    return out;
  }
  // The list may change while an element's __index__ runs.
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i)
    out.push_back(as_int(borrow(PySequence_Fast_GET_ITEM(o, i)).ptr()));
  return out;
}

std::vector<Tensor> as_tensors(PyObject* sequence) {
  const py::object fast = own(PySequence_Fast(sequence, "expected a sequence of tensors"));
  std::vector<Tensor> out;
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(fast.ptr());
  out.reserve(static_cast<size_t>(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(fast.ptr(), i);
    if (!is_tensor(item))
      fail(ErrorKind::Type, "expected Tensor as element ", i, " in argument 0, but got ",
           Py_TYPE(item)->tp_name);
    out.push_back(as_tensor(item));
  }
  return out;
}

// ---- nested sequences to tensors ----

namespace {

bool is_text(PyObject* o) { return PyUnicode_Check(o) || PyBytes_Check(o); }

// The shape that the first elements say.
Dims shape_of(PyObject* data) {
  Dims out;
  py::object item = borrow(data);
  while (PySequence_Check(item.ptr()) && !is_tensor(item.ptr()) && !is_numpy_scalar(item.ptr())) {
    if (is_text(item.ptr()))
      fail(ErrorKind::Value, "too many dimensions '", Py_TYPE(item.ptr())->tp_name, "'");
    const Py_ssize_t n = PySequence_Size(item.ptr());
    if (n < 0) throw_python_error();
    out.push_back(n);
    if (out.size() > 128) fail(ErrorKind::Value, "too many dimensions '", Py_TYPE(item.ptr())->tp_name, "'");
    if (n == 0) return out;
    item = own(PySequence_GetItem(item.ptr(), 0));
  }
  return out;
}

DType numpy_dtype(PyObject* o);

void infer_dtype(PyObject* o, std::optional<DType>& dtype, int depth) {
  DType found;
  if (PyFloat_CheckExact(o)) {
    found = default_dtype();
  } else if (PyBool_Check(o)) {
    found = DType::Bool;
  } else if (PyLong_Check(o)) {
    found = DType::Int64;
  } else if (is_tensor(o)) {
    found = as_tensor(o).dtype();
  } else if (is_numpy_scalar(o) || is_ndarray(o)) {
    found = numpy_dtype(o);
  } else if (PyFloat_Check(o)) {
    found = default_dtype();
  } else if (is_text(o)) {
    fail(ErrorKind::Type, "new(): invalid data type '", Py_TYPE(o)->tp_name, "'");
  } else if (PyComplex_Check(o)) {
    fail(ErrorKind::NotImplemented, "hinoko has no complex numbers yet");
  } else if (PySequence_Check(o) && !PyDict_Check(o)) {
    if (depth > 128) fail(ErrorKind::Value, "too many dimensions '", Py_TYPE(o)->tp_name, "'");
    const py::object fast = own(PySequence_Fast(o, "not a sequence"));
    const Py_ssize_t n = PySequence_Fast_GET_SIZE(fast.ptr());
    if (n == 0) {
      dtype = dtype ? promote_types(*dtype, default_dtype()) : default_dtype();
      return;
    }
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast.ptr()); ++i)
      infer_dtype(borrow(PySequence_Fast_GET_ITEM(fast.ptr(), i)).ptr(), dtype, depth + 1);
    return;
  } else {
    fail("Could not infer dtype of ", Py_TYPE(o)->tp_name);
  }
  dtype = dtype ? promote_types(*dtype, found) : found;
}

DType numpy_dtype(PyObject* o) {
  const std::string name = py::str(borrow(o).attr("dtype").attr("name"));
  for (int i = 0; i < kNumDTypes; ++i)
    if (name == dtype_name(static_cast<DType>(i))) return static_cast<DType>(i);
  fail(ErrorKind::Type, "can't convert np.ndarray of type numpy.", name,
       ". The only supported types are: float64, float32, int64, int32, and bool.");
}

// Writes the elements of `o` in order; `out` moves on.
void store(PyObject* o, DimSpan sizes, int dim, DType dtype, char*& out) {
  if (dim == static_cast<int>(sizes.size())) {
    if (PyFloat_CheckExact(o)) {
      Scalar(PyFloat_AS_DOUBLE(o)).write(dtype, out);
    } else {
      if (PyList_Check(o) || PyTuple_Check(o)) {
        if (is_floating(dtype)) fail(ErrorKind::Type, "must be real number, not ", Py_TYPE(o)->tp_name);
        fail(ErrorKind::Type, "'", Py_TYPE(o)->tp_name, "' object cannot be interpreted as an integer");
      }
      if (is_text(o)) fail(ErrorKind::Type, "new(): invalid data type '", Py_TYPE(o)->tp_name, "'");
      if (PyLong_Check(o) && is_floating(dtype)) {  // beyond int64, too
        const double v = PyLong_AsDouble(o);
        if (v == -1.0 && PyErr_Occurred()) throw_python_error();
        Scalar(v).write(dtype, out);
      } else {
        if (is_tensor(o)) {
          if (as_tensor(o).numel() == 1 && is_floating(as_tensor(o).dtype()) && !is_floating(dtype) &&
              dtype != DType::Bool)
            fail(ErrorKind::Type, "only integer tensors of a single element can be converted to an index");
          warn_scalar_conversion(as_tensor(o));
        }
        const Scalar s = as_scalar(o);
        if (dtype == DType::Int32 && !s.is_float() && s.to_int() != static_cast<int32_t>(s.to_int()))
          fail("value cannot be converted to type int32 without overflow");
        s.write(dtype, out);
      }
    }
    out += item_size(dtype);
    return;
  }
  const py::object fast = own(PySequence_Fast(o, "not a sequence"));
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(fast.ptr());
  if (n != sizes[static_cast<size_t>(dim)])
    fail(ErrorKind::Value, "expected sequence of length ", sizes[static_cast<size_t>(dim)], " at dim ", dim,
         " (got ", n, ")");
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (i >= PySequence_Fast_GET_SIZE(fast.ptr()))
      fail(ErrorKind::Value, "sequence changed size while it was read");
    store(borrow(PySequence_Fast_GET_ITEM(fast.ptr(), i)).ptr(), sizes, dim + 1, dtype, out);
  }
}

}  // namespace

Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype) {
  // One number, alone or in a list: the common case of lessons.
  PyObject* single = data;
  int ndim = 0;
  if (PyList_CheckExact(data) && PyList_GET_SIZE(data) == 1) {
    single = PyList_GET_ITEM(data, 0);
    ndim = 1;
  }
  if (PyFloat_CheckExact(single)) {
    const DType d = dtype.value_or(default_dtype());
    Tensor out = Tensor::steal(empty_scalar(d, static_cast<uint8_t>(ndim)));
    Scalar(PyFloat_AS_DOUBLE(single)).write(d, out.raw());
    return out;
  }
  if (is_tensor(data)) {
    const Tensor& t = as_tensor(data);
    const GradModeGuard guard(false);
    return dtype && *dtype != t.dtype() ? cast_raw(t, *dtype) : clone_raw(t);
  }
  if (is_ndarray(data)) {
    const Tensor t = tensor_from_buffer(data, true);
    return dtype ? cast_raw(t, *dtype) : t;
  }
  if (is_text(data)) fail(ErrorKind::Type, "new(): invalid data type '", Py_TYPE(data)->tp_name, "'");
  const Dims sizes = shape_of(data);
  std::optional<DType> found = dtype;
  if (!found) infer_dtype(data, found, 0);
  if (sizes.size() > 1 || (sizes.size() == 1 && sizes[0] > 0)) {
    const py::object first = own(PySequence_GetItem(data, 0));
    if (is_ndarray(first.ptr()))
      check(PyErr_WarnEx(
          PyExc_UserWarning,
          "Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider converting the "
          "list to a single numpy.ndarray with numpy.array() before converting to a tensor.",
          1));
  }
  Tensor out = empty(sizes, *found);
  char* position = static_cast<char*>(out.raw());
  if (out.numel() || sizes.size() > 1) store(data, sizes, 0, *found, position);
  return out;
}

namespace {

PyObject* list_level(const Tensor& t, int dim, const char* data) {
  if (dim == t.ndim()) return scalar_object(Scalar::read(t.dtype(), data));
  const int64_t n = t.size(dim), step = t.stride(dim) * static_cast<int64_t>(item_size(t.dtype()));
  py::object out = own(PyList_New(static_cast<Py_ssize_t>(n)));
  for (int64_t i = 0; i < n; ++i)
    PyList_SET_ITEM(out.ptr(), static_cast<Py_ssize_t>(i), list_level(t, dim + 1, data + i * step));
  return out.release().ptr();
}

}  // namespace

PyObject* to_list(const Tensor& t) { return list_level(t, 0, static_cast<const char*>(t.raw())); }

}  // namespace hinoko::bindings
