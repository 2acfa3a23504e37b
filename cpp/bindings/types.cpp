// The small types around tensors: dtype, device, layout, memory_format, Size. They carry torch's names, and
// pickle through functions of this library, so that no torch is needed to read them back.
#include "bindings/python.h"

namespace hinoko::bindings {

namespace {

struct DTypeObject {
  DType value;
};
struct DeviceObject {
  std::string type;
  int index = -1;
};
struct NamedConstant {
  std::string name;
};
struct LayoutObject : NamedConstant {};
struct MemoryFormatObject : NamedConstant {};

PyObject* g_dtypes[kNumDTypes];
PyTypeObject* g_dtype_type;
PyTypeObject* g_size_type;
PyTypeObject* g_device_type;
PyTypeObject* g_layout_type;
PyTypeObject* g_format_type;
PyObject* g_cpu;
PyObject* g_strided;

PyTypeObject* type_of(const py::handle& cls) { return reinterpret_cast<PyTypeObject*>(cls.ptr()); }

DeviceObject parse_device(const std::string& text) {
  DeviceObject out;
  const size_t colon = text.find(':');
  out.type = text.substr(0, colon);
  static const char* const known[] = {"cpu",    "cuda", "ipu",  "xpu",  "mkldnn", "opengl",       "opencl",
                                      "ideep",  "hip",  "ve",   "fpga", "maia",   "xla",          "lazy",
                                      "vulkan", "mps",  "meta", "hpu",  "mtia",   "privateuseone"};
  if (std::find(std::begin(known), std::end(known), out.type) == std::end(known)) {
    if (text.empty()) fail("Device string must not be empty");
    fail(
        "Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, "
        "vulkan, "
        "mps, meta, hpu, mtia, privateuseone device type at start of device string: ",
        text);
  }
  if (colon != std::string::npos) {
    const std::string digits = text.substr(colon + 1);
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos)
      fail("Invalid device string: '", text, "'");
    out.index = std::stoi(digits);
  }
  return out;
}

// ---- Size: a tuple that says its name ----

PyObject* size_repr(PyObject* self) noexcept {
  return guarded([&] {
    std::string text = "torch.Size([";
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); ++i)
      text += (i ? ", " : "") + std::string(py::repr(PyTuple_GET_ITEM(self, i)));
    text += "])";
    return PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
  });
}

PyObject* as_size(PyObject* tuple) {  // steals a tuple, gives a Size
  const py::object held = own(tuple);
  if (!PyTuple_Check(held.ptr()) || Py_TYPE(held.ptr()) == g_size_type) return held.inc_ref().ptr();
  const Py_ssize_t n = PyTuple_GET_SIZE(held.ptr());
  PyObject* out = check(g_size_type->tp_alloc(g_size_type, n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = PyTuple_GET_ITEM(held.ptr(), i);
    Py_INCREF(item);
    PyTuple_SET_ITEM(out, i, item);
  }
  return out;
}

PyObject* size_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) noexcept {
  return guarded([&]() -> PyObject* {
    const py::object out = own(PyTuple_Type.tp_new(type, args, kwargs));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(out.ptr()); ++i) {
      PyObject* item = PyTuple_GET_ITEM(out.ptr(), i);
      if (PyLong_Check(item)) continue;
      PyObject* number = PyNumber_Index(item);
      if (!number) {
        PyErr_Format(PyExc_TypeError, "torch.Size() takes an iterable of 'int' (item %zd is '%s')", i,
                     Py_TYPE(item)->tp_name);
        throw_python_error();
      }
      PyTuple_SET_ITEM(out.ptr(), i, number);
      Py_DECREF(item);
    }
    return out.inc_ref().ptr();
  });
}

PyObject* size_subscript(PyObject* self, PyObject* key) noexcept {
  return guarded([&] {
    PyObject* item = check(PyTuple_Type.tp_as_mapping->mp_subscript(self, key));
    return PySlice_Check(key) ? as_size(item) : item;
  });
}
PyObject* size_add(PyObject* a, PyObject* b) noexcept {
  return guarded([&]() -> PyObject* {
    if (!PyTuple_Check(a) || !PyTuple_Check(b)) Py_RETURN_NOTIMPLEMENTED;
    return as_size(PySequence_Concat(a, b));
  });
}
PyObject* size_concat(PyObject* a, PyObject* b) noexcept {
  return guarded([&] { return as_size(PyTuple_Type.tp_as_sequence->sq_concat(a, b)); });
}
PyObject* size_repeat(PyObject* a, Py_ssize_t n) noexcept {
  return guarded([&] { return as_size(PyTuple_Type.tp_as_sequence->sq_repeat(a, n)); });
}
PyObject* size_numel(PyObject* self, PyObject*) noexcept {
  return guarded([&] {
    int64_t total = 1;
    for (const int64_t s : as_dims(self)) total *= s;
    return PyLong_FromLongLong(total);
  });
}
PyObject* size_reduce(PyObject* self, PyObject*) noexcept {
  return guarded([&] {
    const py::object make = py::module_::import("hinoko._C").attr("_make_size");
    return py::make_tuple(make, py::make_tuple(own(PySequence_Tuple(own(PySequence_List(self)).ptr()))))
        .release()
        .ptr();
  });
}

PyMethodDef g_size_methods[] = {
    {"numel", size_numel, METH_NOARGS, "The number of elements of a tensor of this size."},
    {"__reduce__", size_reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

void init_size(py::module_& m) {
  PyType_Slot slots[] = {
      {Py_tp_base, &PyTuple_Type},
      {Py_tp_new, reinterpret_cast<void*>(size_new)},
      {Py_tp_repr, reinterpret_cast<void*>(size_repr)},
      {Py_tp_methods, g_size_methods},
      {Py_mp_subscript, reinterpret_cast<void*>(size_subscript)},
      {Py_nb_add, reinterpret_cast<void*>(size_add)},
      {Py_sq_concat, reinterpret_cast<void*>(size_concat)},
      {Py_sq_repeat, reinterpret_cast<void*>(size_repeat)},
      {Py_tp_doc, const_cast<char*>("The size of a tensor: a tuple of ints.")},
      {0, nullptr},
  };
  PyType_Spec spec = {"torch.Size", 0, 0, Py_TPFLAGS_DEFAULT, slots};
  g_size_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)));
  m.attr("Size") = borrow(reinterpret_cast<PyObject*>(g_size_type));
  m.def("_make_size", [](const py::tuple& t) { return own(as_size(py::tuple(t).release().ptr())); });
}

void init_dtype(py::module_& m) {
  py::class_<DTypeObject> cls(m, "dtype", "The type of a tensor's elements.");
  cls.attr("__module__") = "torch";
  g_dtype_type = type_of(cls);
  cls.def("__repr__", [](const DTypeObject& d) { return cat("torch.", dtype_name(d.value)); })
      .def_property_readonly("is_floating_point", [](const DTypeObject& d) { return is_floating(d.value); })
      .def_property_readonly("is_complex", [](const DTypeObject&) { return false; })
      .def_property_readonly("is_signed", [](const DTypeObject& d) { return d.value != DType::Bool; })
      .def_property_readonly("itemsize", [](const DTypeObject& d) { return item_size(d.value); })
      .def("__copy__", [](py::object self) { return self; })
      .def("__deepcopy__", [](py::object self, const py::object&) { return self; })
      .def("__reduce__", [](const DTypeObject& d) {
        const py::object make = py::module_::import("hinoko._C").attr("_make_dtype");
        return py::make_tuple(make, py::make_tuple(dtype_name(d.value)));
      });
  for (int i = 0; i < kNumDTypes; ++i) {
    const auto d = static_cast<DType>(i);
    py::object o = py::cast(DTypeObject{d});
    g_dtypes[i] = o.ptr();
    m.attr(dtype_name(d)) = o;
    m.attr(dtype_c_name(d)) = o;
    (void)o.release();  // lives as long as the process
  }
  m.def("_make_dtype", [](const std::string& name) {
    for (int i = 0; i < kNumDTypes; ++i)
      if (name == dtype_name(static_cast<DType>(i))) return borrow(g_dtypes[i]);
    throw py::value_error("unknown dtype " + name);
  });
}

void init_device(py::module_& m) {
  py::class_<DeviceObject> cls(m, "device", "Where a tensor's data lives. hinoko computes on the CPU.");
  cls.attr("__module__") = "torch";
  g_device_type = type_of(cls);
  cls.def(py::init([](const py::object& type, const py::object& index) {
            if (py::isinstance<DeviceObject>(type)) return type.cast<DeviceObject>();
            if (py::isinstance<py::int_>(type))
              fail("Cannot access accelerator device when none is available.");
            if (!py::isinstance<py::str>(type))
              fail(ErrorKind::Type, "device(): argument 'type' (position 1) must be str, not ",
                   Py_TYPE(type.ptr())->tp_name);
            DeviceObject out = parse_device(type.cast<std::string>());
            if (!index.is_none()) {
              if (out.index >= 0)
                fail("type (string) must not include an index because index was passed explicitly: ",
                     type.cast<std::string>());
              out.index = index.cast<int>();
              if (out.index < 0) fail("Device index must not be negative");
            }
            return out;
          }),
          py::arg("type"), py::arg("index") = py::none())
      .def_readonly("type", &DeviceObject::type)
      .def_property_readonly("index",
                             [](const DeviceObject& d) -> py::object {
                               return d.index < 0 ? py::object(py::none()) : py::int_(d.index);
                             })
      .def("__repr__",
           [](const DeviceObject& d) {
             return d.index < 0 ? cat("device(type='", d.type, "')")
                                : cat("device(type='", d.type, "', index=", d.index, ")");
           })
      .def("__str__", [](const DeviceObject& d) { return d.index < 0 ? d.type : cat(d.type, ":", d.index); })
      .def("__eq__",
           [](const DeviceObject& a, const py::object& o) {
             if (!py::isinstance<DeviceObject>(o)) return false;
             const auto& b = o.cast<const DeviceObject&>();
             return a.type == b.type && a.index == b.index;
           })
      .def("__hash__",
           [](const DeviceObject& d) {
             return std::hash<std::string>()(d.type) ^ static_cast<size_t>(d.index);
           })
      .def("__reduce__", [](const DeviceObject& d) {
        const py::object make = py::module_::import("hinoko._C").attr("_make_device");
        return py::make_tuple(make, py::make_tuple(d.type, d.index));
      });
  m.def("_make_device", [](const std::string& type, int index) { return DeviceObject{type, index}; });
  py::object cpu = py::cast(DeviceObject{"cpu", -1});
  g_cpu = cpu.release().ptr();
}

}  // namespace

PyObject* dtype_object(DType d) { return g_dtypes[static_cast<int>(d)]; }
bool is_dtype(PyObject* o) {
  if (Py_TYPE(o) == g_dtype_type) return true;
  const auto* type = reinterpret_cast<PyTypeObject*>(o);
  return type == &PyFloat_Type || type == &PyLong_Type || type == &PyBool_Type;
}
DType as_dtype(PyObject* o) {
  const auto* type = reinterpret_cast<PyTypeObject*>(o);
  if (type == &PyFloat_Type) return DType::Float64;
  if (type == &PyLong_Type) return DType::Int64;
  if (type == &PyBool_Type) return DType::Bool;
  for (int i = 0; i < kNumDTypes; ++i)
    if (o == g_dtypes[i]) return static_cast<DType>(i);
  return py::cast<DTypeObject&>(py::handle(o)).value;
}

PyObject* size_object(DimSpan sizes) {
  PyObject* out = check(g_size_type->tp_alloc(g_size_type, static_cast<Py_ssize_t>(sizes.size())));
  for (size_t i = 0; i < sizes.size(); ++i)
    PyTuple_SET_ITEM(out, static_cast<Py_ssize_t>(i), check(PyLong_FromLongLong(sizes[i])));
  return out;
}
bool is_size(PyObject* o) { return Py_TYPE(o) == g_size_type; }

PyObject* cpu_device() { return g_cpu; }
bool is_device(PyObject* o) { return Py_TYPE(o) == g_device_type; }
void check_device(PyObject* o) {
  if (!o || o == Py_None || o == g_cpu) return;
  DeviceObject d;
  if (is_device(o)) {
    d = py::cast<DeviceObject&>(py::handle(o));
  } else if (PyUnicode_Check(o)) {
    d = parse_device(py::handle(o).cast<std::string>());
  } else {
    fail(ErrorKind::Type, "device must be torch.device or str, not ", Py_TYPE(o)->tp_name);
  }
  if (d.type == "cpu") return;
  if (d.type == "cuda") {
    PyErr_SetString(PyExc_AssertionError, "Torch not compiled with CUDA enabled");
    throw_python_error();
  }
  fail(ErrorKind::NotImplemented, "hinoko computes on the CPU only; there is no device '", d.type, "'");
}
PyObject* strided_layout() { return g_strided; }
bool is_layout(PyObject* o) { return Py_TYPE(o) == g_layout_type; }
bool is_memory_format(PyObject* o) { return Py_TYPE(o) == g_format_type; }
bool is_contiguous_format(PyObject* o) {
  return py::cast<MemoryFormatObject&>(py::handle(o)).name == "torch.contiguous_format";
}

void init_types(py::module_& m) {
  init_size(m);
  init_dtype(m);
  init_device(m);
  py::class_<LayoutObject> layout(m, "layout", "How a tensor is laid out; hinoko has torch.strided.");
  layout.attr("__module__") = "torch";
  layout.def("__repr__", [](const LayoutObject& l) { return l.name; });
  g_layout_type = type_of(layout);
  m.attr("strided") = py::cast(LayoutObject{{"torch.strided"}});
  g_strided = m.attr("strided").cast<py::object>().release().ptr();
  py::class_<MemoryFormatObject> format(m, "memory_format", "The order of dimensions in memory.");
  format.attr("__module__") = "torch";
  format.def("__repr__", [](const MemoryFormatObject& f) { return f.name; });
  g_format_type = type_of(format);
  for (const char* name : {"contiguous_format", "preserve_format"})
    m.attr(name) = py::cast(MemoryFormatObject{{std::string("torch.") + name}});
}

}  // namespace hinoko::bindings
