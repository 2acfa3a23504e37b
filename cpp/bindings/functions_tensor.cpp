// What a tensor can be asked and turned into: item, size, to, numpy, copies, Python's protocols.
#include "bindings/args.h"

namespace hinoko::bindings {

namespace {

PyObject* self_of(const Call& c) {
  Py_INCREF(c[0]);
  return c[0];
}

PyObject* item(const Tensor& t) {
  if (t.numel() != 1) fail("a Tensor with ", t.numel(), " elements cannot be converted to Scalar");
  return scalar_object(t.item());
}
PyObject* item_fast(PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  if (count != 1 || keywords) return nullptr;
  return guarded([&] { return item(as_tensor(args[0])); });
}

PyObject* stride_handler(const Call& c) {
  const Tensor& t = c.tensor(0);
  if (c.has(1)) return PyLong_FromLongLong(t.stride(static_cast<int>(wrap_dim(c.integer(1), t.ndim()))));
  const py::object out = own(PyTuple_New(t.ndim()));
  for (int i = 0; i < t.ndim(); ++i) PyTuple_SET_ITEM(out.ptr(), i, check(PyLong_FromLongLong(t.stride(i))));
  return py::object(out).release().ptr();
}
PyObject* size_handler(const Call& c) {
  const Tensor& t = c.tensor(0);
  if (c.has(1)) return PyLong_FromLongLong(t.size(static_cast<int>(wrap_dim(c.integer(1), t.ndim()))));
  return size_object(t.sizes());
}

// ---- conversions ----

PyObject* converted(const Call& c, std::optional<DType> dtype, bool copy) {
  const Tensor& t = c.tensor(0);
  if (dtype && *dtype != t.dtype()) return wrap(to_dtype(t, *dtype));
  return copy ? wrap(to_copy(t)) : self_of(c);
}
PyObject* to_handler(const Call& c) {
  switch (c.overload) {
    case 0:
      return converted(c, c.dtype(1), c.flag(3));
    case 1:
      check_device(c[1]);
      return converted(c, c.dtype(2), c.flag(4));
    default:
      return converted(c, c.tensor(1).dtype(), c.flag(3));
  }
}
template <DType D>
PyObject* to(const Call& c) {
  return converted(c, D, false);
}

PyObject* type_handler(const Call& c) {
  const Tensor& t = c.tensor(0);
  if (!c.has(1)) return PyUnicode_FromString(type_name(t).c_str());
  if (is_dtype(c[1])) return converted(c, as_dtype(c[1]), false);
  const std::string name = PyUnicode_Check(c[1]) ? c.text(1) : std::string();
  for (int i = 0; i < kNumDTypes; ++i)
    if (name == cat("torch.", dtype_scalar_name(static_cast<DType>(i)), "Tensor"))
      return converted(c, static_cast<DType>(i), false);
  if (PyUnicode_Check(c[1])) fail(ErrorKind::Value, "invalid type: '", name, "'");
  fail(ErrorKind::Type, "dtype must be a type, str, or dtype object");
}

// ---- Python's protocols ----

PyObject* format_handler(const Call& c) {
  const Tensor& t = c.tensor(0);
  if (t.ndim() == 0 && c[1] && PyUnicode_Check(c[1])) {
    const py::object value = own(item(t));
    return check(PyObject_Format(value.ptr(), c[1]));
  }
  if (!c[1] || !PyUnicode_Check(c[1]))
    fail(ErrorKind::Type, "__format__() argument must be str, not ",
         c[1] ? Py_TYPE(c[1])->tp_name : "NoneType");
  if (PyUnicode_GetLength(c[1]) == 0) return check(PyObject_Str(c[0]));
  fail(ErrorKind::Type, "unsupported format string passed to Tensor.__format__");
}

// The memory from the first to the last element, so that strides are kept.
py::object rebuild_arguments(const Tensor& t) {
  int64_t extent = t.numel() ? 1 : 0;
  if (extent)
    for (int i = 0; i < t.ndim(); ++i) extent += (t.size(i) - 1) * t.stride(i);
  const py::bytes data(static_cast<const char*>(t.raw()), static_cast<size_t>(extent) * item_size(t.dtype()));
  const auto tuple = [](DimSpan values) { return own(PySequence_Tuple(own(size_object(values)).ptr())); };
  return py::make_tuple(dtype_name(t.dtype()), tuple(t.sizes()), tuple(t.strides()), data, t.requires_grad());
}

PyObject* reduce_handler(const Call& c) {
  const Tensor& t = c.tensor(0);
  const py::object rebuild = py::module_::import("hinoko._C").attr("_rebuild_tensor");
  auto* wrapper = reinterpret_cast<PyTensor*>(c[0]);
  if (wrapper->dict && PyDict_Size(wrapper->dict))
    return py::make_tuple(rebuild, rebuild_arguments(t), borrow(wrapper->dict)).release().ptr();
  return py::make_tuple(rebuild, rebuild_arguments(t)).release().ptr();
}
py::dict dict_of(const Call& c, int i) {
  if (!c[i] || !PyDict_Check(c[i]))
    fail(ErrorKind::Type, c.function, "(): expected a dict, but got ",
         c[i] ? Py_TYPE(c[i])->tp_name : "NoneType");
  return py::reinterpret_borrow<py::dict>(c[i]);
}

PyObject* setstate_handler(const Call& c) {
  const py::dict state = dict_of(c, 1);
  for (const auto& [key, value] : state) check(PyObject_SetAttr(c[0], key.ptr(), value.ptr()));
  Py_RETURN_NONE;
}

PyObject* copy_handler(const Call& c) {
  Tensor out = detach(c.tensor(0));
  if (c.tensor(0).requires_grad()) set_requires_grad(out, true);
  return wrap_new(std::move(out), Py_TYPE(c[0]));
}

// A copy of the memory behind `t`; tensors that share memory share the copy's.
Tensor deepcopy_data(const Tensor& t, const py::dict& memo) {
  const Storage& storage = *t->storage;
  if (storage.kind == Storage::Kind::Inline) return clone_raw(t);
  const py::int_ key(reinterpret_cast<uintptr_t>(&storage));
  const int64_t width = static_cast<int64_t>(item_size(t.dtype())),
                length[] = {static_cast<int64_t>(storage.bytes) / width}, step[] = {1};
  if (!memo.contains(key)) {
    const Tensor whole = clone_raw(alias(t, length, step, storage.data));
    memo[key] = own(wrap(whole));
  }
  const py::object held = memo[key];
  const auto usable = [&](const Tensor& copied) {
    return copied.is_contiguous() && copied.dtype() == t.dtype() && copied.numel() == length[0];
  };
  if (!is_tensor(held.ptr()) || !usable(as_tensor(held.ptr())))
    fail(ErrorKind::Type, "__deepcopy__(): the memo holds something else than a copy");
  const Tensor& copied = as_tensor(held.ptr());
  return alias(copied, t.sizes(), t.strides(), copied.data<char>() + t->offset() * width);
}

PyObject* deepcopy_handler(const Call& c) {
  const Tensor& t = c.tensor(0);
  const py::dict memo = dict_of(c, 1);
  const py::int_ key(reinterpret_cast<uintptr_t>(c[0]));
  if (memo.contains(key)) return py::object(memo[key]).release().ptr();
  if (!t.is_leaf())
    fail(
        "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
        "moment.  If you were "
        "attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
        "https://github.com/pytorch/pytorch/pull/103001");
  const py::object deepcopy = py::module_::import("copy").attr("deepcopy");
  Tensor out = deepcopy_data(t, memo);
  if (t.requires_grad()) set_requires_grad(out, true);
  py::object result = own(wrap_new(Tensor(out), Py_TYPE(c[0])));
  memo[key] = result;
  if (const Tensor g = grad_of(t)) {
    const py::object copied = deepcopy(own(wrap(g)), memo);
    if (!is_tensor(copied.ptr()))
      fail(ErrorKind::Type, "__deepcopy__(): the copy of a gradient is no Tensor");
    set_grad(out, as_tensor(copied.ptr()));
  }
  if (PyObject* dict = reinterpret_cast<PyTensor*>(c[0])->dict) {
    const py::dict copied = deepcopy(borrow(dict), memo);
    for (const auto& [name, value] : copied) check(PyObject_SetAttr(result.ptr(), name.ptr(), value.ptr()));
  }
  return result.release().ptr();
}

PyObject* array_handler(const Call& c) {
  const py::object array = own(tensor_numpy(c.tensor(0)));
  py::object out = array;
  if (c.has(1)) out = array.attr("astype")(borrow(c[1]), py::arg("copy") = false);
  if (c.has(2)) {
    if (c[2] == Py_True && out.is(array)) out = array.attr("copy")();
    if (c[2] == Py_False && !out.is(array))
      fail(ErrorKind::Value, "Unable to avoid copy while creating an array as requested.");
  }
  return out.release().ptr();
}
// What numpy's functions return for tensors becomes a tensor again.
PyObject* array_wrap_handler(const Call& c) {
  py::object array = borrow(c[1] ? c[1] : Py_None);
  if (!is_ndarray(array.ptr())) array = py::module_::import("numpy").attr("asarray")(array);
  if (array.attr("dtype").attr("name").cast<std::string>() == "bool" ||
      array.attr("flags").attr("writeable").cast<bool>())
    return wrap(tensor_from_buffer(array.ptr(), false));
  return wrap(tensor_from_buffer(array.ptr(), true));
}

PyObject* numpy_handler(const Call& c) {
  if (c.flag(1) && c.tensor(0).requires_grad()) return tensor_numpy(detach(c.tensor(0)));
  return tensor_numpy(c.tensor(0));
}

PyObject* equal_handler(const Call& c) {
  const Tensor &a = c.tensor(0), &b = c.tensor(1);
  if (!same(a.sizes(), b.sizes())) Py_RETURN_FALSE;
  const GradModeGuard guard(false);
  const Tensor differs = contiguous(ne(a, b));
  const bool* values = differs.data<bool>();
  return PyBool_FromLong(std::none_of(values, values + differs.numel(), [](bool v) { return v; }));
}

PyObject* data_ptr_handler(const Call& c) {
  const Tensor& t = c.tensor(0);
  return PyLong_FromVoidPtr(t.numel() ? t.raw() : nullptr);
}

constexpr Def kTensor[] = {
    {"item", "item(Tensor input)", [](const Call& c) { return item(c.tensor(0)); }, kMethod,
     "The only element as a Python number.", item_fast},
    {"tolist", "tolist(Tensor input)", [](const Call& c) { return to_list(c.tensor(0)); }, kMethod,
     "The elements as nested lists."},
    {"numpy", "numpy(Tensor input, *, bool force=False)", numpy_handler, kMethod,
     "A numpy array that shares this tensor's memory."},
    {"size", "size(Tensor input, int dim=None)", size_handler, kMethod,
     "The size of all dimensions, or of one."},
    {"stride", "stride(Tensor input, int dim=None)", stride_handler, kMethod,
     "The steps between elements of each dimension, or of one."},
    {"dim", "dim(Tensor input)", [](const Call& c) { return PyLong_FromLong(c.tensor(0).ndim()); }, kMethod,
     "The number of dimensions."},
    {"ndimension", "ndimension(Tensor input)",
     [](const Call& c) { return PyLong_FromLong(c.tensor(0).ndim()); }, kMethod, "Alias of dim."},
    {"numel", "numel(Tensor input)", [](const Call& c) { return PyLong_FromLongLong(c.tensor(0).numel()); },
     kBoth, "The number of elements."},
    {"nelement", "nelement(Tensor input)",
     [](const Call& c) { return PyLong_FromLongLong(c.tensor(0).numel()); }, kMethod, "Alias of numel."},
    {"element_size", "element_size(Tensor input)",
     [](const Call& c) { return PyLong_FromSize_t(item_size(c.tensor(0).dtype())); }, kMethod,
     "Bytes per element."},
    {"storage_offset", "storage_offset(Tensor input)",
     [](const Call& c) { return PyLong_FromLongLong(c.tensor(0)->offset()); }, kMethod,
     "Where the first element is in the storage, in elements."},
    {"data_ptr", "data_ptr(Tensor input)", data_ptr_handler, kMethod, "The address of the first element."},
    {"get_device", "get_device(Tensor input)", [](const Call&) { return PyLong_FromLong(-1); }, kBoth,
     "-1: the CPU."},
    {"is_contiguous", "is_contiguous(Tensor input, MemoryFormat memory_format=None)",
     [](const Call& c) { return PyBool_FromLong(c.tensor(0).is_contiguous()); }, kMethod,
     "Whether the elements lie in row-major order."},
    {"is_floating_point", "is_floating_point(Tensor input)",
     [](const Call& c) { return PyBool_FromLong(is_floating(c.tensor(0).dtype())); }, kBoth,
     "Whether the dtype is floating point."},
    {"is_complex", "is_complex(Tensor input)", [](const Call&) { return PyBool_FromLong(0); }, kBoth,
     "False: hinoko has no complex numbers."},
    {"is_nonzero", "is_nonzero(Tensor input)",
     [](const Call& c) {
       if (c.tensor(0).numel() != 1)
         fail("Boolean value of Tensor with ", c.tensor(0).numel() ? "more than one value" : "no values",
              " is ambiguous");
       return PyBool_FromLong(c.tensor(0).item().to_bool());
     },
     kBoth, "Whether the only element is not zero."},
    {"contiguous", "contiguous(Tensor input, *, MemoryFormat memory_format=None)",
     [](const Call& c) { return wrap(contiguous(c.tensor(0))); }, kMethod,
     "This tensor in row-major order: itself if it is already."},
    {"clone", "clone(Tensor input, *, MemoryFormat memory_format=None)",
     [](const Call& c) {
       return c.has(1) && is_contiguous_format(c[1]) ? wrap(contiguous(clone(c.tensor(0))))
                                                     : wrap(clone(c.tensor(0)));
     },
     kBoth, "A copy that is part of the graph."},
    {"to",
     "to(Tensor input, ScalarType dtype, bool non_blocking=False, bool copy=False, *, MemoryFormat "
     "memory_format=None)\n"
     "to(Tensor input, Device device=None, ScalarType dtype=None, bool non_blocking=False, bool copy=False, "
     "*, MemoryFormat memory_format=None)\n"
     "to(Tensor input, Tensor other, bool non_blocking=False, bool copy=False, *, MemoryFormat "
     "memory_format=None)",
     to_handler, kMethod, "This tensor in another dtype; itself if nothing changes."},
    {"type", "type(Tensor input, object dtype=None, bool non_blocking=False)", type_handler, kMethod,
     "The name of the type, or a conversion."},
    {"type_as", "type_as(Tensor input, Tensor other)",
     [](const Call& c) { return converted(c, c.tensor(1).dtype(), false); }, kMethod,
     "This tensor in the dtype of other."},
    {"float", "float(Tensor input, *, MemoryFormat memory_format=None)", to<DType::Float32>, kMethod,
     "This tensor as float32."},
    {"double", "double(Tensor input, *, MemoryFormat memory_format=None)", to<DType::Float64>, kMethod,
     "This tensor as float64."},
    {"int", "int(Tensor input, *, MemoryFormat memory_format=None)", to<DType::Int32>, kMethod,
     "This tensor as int32."},
    {"long", "long(Tensor input, *, MemoryFormat memory_format=None)", to<DType::Int64>, kMethod,
     "This tensor as int64."},
    {"bool", "bool(Tensor input, *, MemoryFormat memory_format=None)", to<DType::Bool>, kMethod,
     "This tensor as bool."},
    {"cpu", "cpu(Tensor input, *, MemoryFormat memory_format=None)", self_of, kMethod, "This tensor."},
    {"cuda", "cuda(Tensor input, object device=None, bool non_blocking=False)",
     [](const Call&) -> PyObject* {
       PyErr_SetString(PyExc_AssertionError, "Torch not compiled with CUDA enabled");
       throw_python_error();
     },
     kMethod, "Raises: hinoko computes on the CPU."},
    {"copy_", "copy_(Tensor input, TensorOrNumber src, bool non_blocking=False)",
     [](const Call& c) {
       copy_(c.tensor(0), is_tensor(c[1]) ? c.tensor(1) : number_tensor(c.scalar(1)));
       return self_of(c);
     },
     kMethod, "Writes src into this tensor."},
    {"fill_", "fill_(Tensor input, TensorOrNumber value)",
     [](const Call& c) {
       if (is_tensor(c[1]))
         fill_(c.tensor(0), c.tensor(1));
       else
         fill_(c.tensor(0), c.scalar(1));
       return self_of(c);
     },
     kBoth, "Sets all elements to value."},
    {"zero_", "zero_(Tensor input)",
     [](const Call& c) {
       zero_(c.tensor(0));
       return self_of(c);
     },
     kBoth, "Sets all elements to zero."},
    {"equal", "equal(Tensor input, Tensor other)", equal_handler, kBoth,
     "Whether both have the same shape and elements."},
    {"_is_view", "_is_view(Tensor input)",
     [](const Call& c) { return PyBool_FromLong(c.tensor(0)->flags & kIsView ? 1 : 0); }, kMethod,
     "Whether this tensor is a view."},
    {"__format__", "__format__(Tensor self, object format_spec)", format_handler, kMethod, ""},
    {"__reduce_ex__", "__reduce_ex__(Tensor self, object protocol)", reduce_handler, kMethod, ""},
    {"__setstate__", "__setstate__(Tensor self, object state)", setstate_handler, kMethod, ""},
    {"__copy__", "__copy__(Tensor self)", copy_handler, kMethod, ""},
    {"__deepcopy__", "__deepcopy__(Tensor self, object memo)", deepcopy_handler, kMethod, ""},
    {"__array__", "__array__(Tensor self, object dtype=None, object copy=None)", array_handler, kMethod, ""},
    {"__array_wrap__",
     "__array_wrap__(Tensor self, object array, object context=None, object return_scalar=False)",
     array_wrap_handler, kMethod, ""},
};

}  // namespace

void register_tensor_methods(Registry& r) { r.add<kTensor>(); }

}  // namespace hinoko::bindings
