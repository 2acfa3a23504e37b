// x[key] and x[key] = value: integers, slices, ellipsis, None, booleans, tensors, sequences, and tuples of
// them. Everything but tensors becomes views; tensors go to index and index_put_.
#include "bindings/python.h"
#include "ops/views.h"

namespace hinoko::bindings {

namespace {

// Whatever says it is an integer, but for those that mean something else as an index.
bool is_plain_int(PyObject* o) {
  if (PyLong_Check(o)) return !PyBool_Check(o);
  return PyIndex_Check(o) && !is_tensor(o) && !is_ndarray(o);
}

// torch takes a list as a tuple of indices when it holds anything but numbers.
bool is_tuple_like(PyObject* key) {
  if (PyTuple_Check(key)) return true;
  if (is_tensor(key) || PyUnicode_Check(key) || !PySequence_Check(key) || is_ndarray(key) ||
      PyRange_Check(key))
    return false;
  const Py_ssize_t n = PySequence_Size(key);
  if (n < 0) throw_python_error();
  if (n >= 32) return false;
  for (Py_ssize_t i = 0; i < n; ++i) {
    const py::object item = own(PySequence_GetItem(key, i));
    if (is_tensor(item.ptr()) || PySlice_Check(item.ptr()) || item.is_none() || item.ptr() == Py_Ellipsis ||
        (PySequence_Check(item.ptr()) && !PyUnicode_Check(item.ptr())))
      return true;
  }
  return false;
}

py::object as_key_tuple(PyObject* key) {
  if (PyTuple_Check(key)) return borrow(key);
  if (!is_tuple_like(key)) return py::make_tuple(borrow(key));
  check(PyErr_WarnEx(PyExc_UserWarning,
                     "Using a non-tuple sequence for multidimensional indexing is deprecated and will be "
                     "changed in pytorch 2.9; use "
                     "x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this will be interpreted as tensor "
                     "index, x[torch.tensor(seq)], "
                     "which will result either in an error or a different result",
                     1));
  return own(PySequence_Tuple(key));
}

// `named` is the dimension that an error text names: the place of the index in the key.
Tensor select_checked(const Tensor& t, int64_t dim, PyObject* index, int64_t named = 0) {
  const int64_t i = as_int(index);
  if (t.ndim() == 0 && i == 0)
    fail(ErrorKind::Index,
         "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
         "convert a 0-dim tensor to a number");
  const int64_t size = t.ndim() ? t.size(static_cast<int>(dim)) : 0;
  if (i < -size || i >= size)
    fail(ErrorKind::Index, "index ", i, " is out of bounds for dimension ", named, " with size ", size);
  return select(t, dim, i);
}

struct Range {
  int64_t start, stop, step;
  bool whole = false;  // x[:] and x[0:n] are x itself for torch, but not x[-n:]
};
int64_t bound(PyObject* o) {
  if (!is_tensor(o) && !PyIndex_Check(o))
    fail(ErrorKind::Type, "slice indices must be integers or None or have an __index__ method");
  return as_int(o);
}
Range slice_range(PyObject* key, int64_t length) {
  const auto* s = reinterpret_cast<PySliceObject*>(key);
  Range r{0, length, 1, false};
  if (s->step != Py_None) r.step = bound(s->step);
  if (r.step == 0) fail(ErrorKind::Value, "slice step cannot be zero");
  if (r.step < 0) fail(ErrorKind::Value, "step must be greater than zero");
  const auto clamp = [&](PyObject* o, int64_t fallback) {
    if (o == Py_None) return fallback;
    int64_t v = bound(o);
    if (v < 0) v += length;
    return std::clamp<int64_t>(v, 0, length);
  };
  r.start = clamp(s->start, 0);
  r.stop = std::max(clamp(s->stop, length), r.start);
  r.whole = r.start == 0 && r.stop == length && r.step == 1 && (s->start == Py_None || bound(s->start) == 0);
  return r;
}

Tensor bool_index(bool value) {
  const int64_t sizes[] = {value ? 1 : 0};
  return zeros(sizes, DType::Int64);
}

Tensor index_tensor(PyObject* o) {
  if (is_tensor(o)) return as_tensor(o);
  if (is_ndarray(o)) return tensor_from_buffer(o, true);
  const Tensor t = tensor_from_data(o, std::nullopt);
  return t.numel() == 0 ? cast_raw(t, DType::Int64) : t;
}

[[noreturn]] void refuse_index(PyObject* o) {
  fail(ErrorKind::Index,
       "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
       "(got ",
       Py_TYPE(o)->tp_name, ")");
}

// Applies everything but tensors as views; the tensors end in `indices`, undefined where a dimension is
// whole.
Tensor apply_views(const Tensor& t, PyObject* tuple, std::vector<Tensor>& indices) {
  const Py_ssize_t n = PyTuple_GET_SIZE(tuple);
  int64_t named = 0;
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* o = PyTuple_GET_ITEM(tuple, i);
    if (is_tensor(o) && as_tensor(o).dtype() == DType::Bool) {
      named += as_tensor(o).ndim();
    } else if (o != Py_None && o != Py_Ellipsis && o != Py_True && o != Py_False) {
      ++named;
    }
  }
  if (named > t.ndim()) fail(ErrorKind::Index, "too many indices for tensor of dimension ", t.ndim());

  Tensor out = t;
  int64_t dim = 0;  // in `out`
  bool seen_ellipsis = false;
  const auto note = [&](Tensor index) {
    if (static_cast<int64_t>(indices.size()) <= dim) indices.resize(static_cast<size_t>(dim) + 1);
    indices[static_cast<size_t>(dim)] = std::move(index);
  };
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* o = PyTuple_GET_ITEM(tuple, i);
    if (is_plain_int(o)) {
      out = select_checked(out, dim, o, i);
    } else if (PySlice_Check(o)) {
      const Range r = slice_range(o, out.size(static_cast<int>(dim)));
      if (!r.whole) out = slice(out, dim, r.start, r.stop, r.step);
      ++dim;
    } else if (o == Py_Ellipsis) {
      if (seen_ellipsis) continue;
      seen_ellipsis = true;
      // What the rest does not name. Dimensions that None and bool add come on top as they appear.
      dim += t.ndim() - named;
    } else if (o == Py_None) {
      out = unsqueeze(out, dim);
      ++dim;
    } else if (PyBool_Check(o)) {
      out = unsqueeze(out, dim);
      note(bool_index(o == Py_True));
      ++dim;
    } else if (is_tensor(o) && as_tensor(o).ndim() == 0 && !is_floating(as_tensor(o).dtype())) {
      const Tensor& index = as_tensor(o);
      if (index.dtype() == DType::Bool) {
        out = unsqueeze(out, dim);
        note(bool_index(index.item().to_bool()));
        ++dim;
      } else {
        out = select_checked(out, dim, o, i);
      }
    } else if (is_tensor(o) || is_ndarray(o) || (PySequence_Check(o) && !PyDict_Check(o))) {
      Tensor index = index_tensor(o);
      const int64_t width = index.dtype() == DType::Bool ? std::max(index.ndim(), 1) : 1;
      note(std::move(index));
      dim += width;
    } else {
      refuse_index(o);
    }
  }
  return out;
}

Tensor value_tensor(const Tensor& t, PyObject* value) {
  if (is_tensor(value)) return as_tensor(value);
  if (!is_number(value))
    fail(ErrorKind::Type, "can't assign a ", Py_TYPE(value)->tp_name, " to a ", type_name(t));
  Tensor out = Tensor::steal(empty_scalar(t.dtype(), 0));
  as_scalar(value).write(t.dtype(), out.raw());
  return out;
}

// Leading dimensions of one element that `value` has too many.
Tensor without_leading_ones(const Tensor& value, int64_t ndim) {
  int64_t extra = 0;
  while (value.ndim() - extra > ndim && value.size(static_cast<int>(extra)) == 1) ++extra;
  if (!extra) return value;
  return reshape(value, value.sizes().subspan(static_cast<size_t>(extra)));
}

void copy_to(const Tensor& target, const Tensor& value) {
  if (value.ndim() == 0 && target.ndim() != 0) {
    fill_(target, value);
    return;
  }
  if (same(value.sizes(), target.sizes())) return copy_(target, value);
  const Tensor trimmed = without_leading_ones(value, 0);  // all of them, as errors show
  copy_(target, expand(trimmed, target.sizes()));
}

}  // namespace

PyObject* subscript(PyObject* self, PyObject* key) {
  const Tensor& t = as_tensor(self);
  if (is_plain_int(key)) return wrap(select_checked(t, 0, key));
  if (PySlice_Check(key)) {
    if (t.ndim() == 0) fail(ErrorKind::Index, "slice() cannot be applied to a 0-dim tensor.");
    const Range r = slice_range(key, t.size(0));
    return wrap(slice(t, 0, r.start, r.stop, r.step));
  }
  if (key == Py_Ellipsis) return wrap(alias_view(t));
  if (key == Py_None) return wrap(unsqueeze(t, 0));
  const py::object tuple = as_key_tuple(key);
  std::vector<Tensor> indices;
  Tensor out = apply_views(t, tuple.ptr(), indices);
  if (!indices.empty()) return wrap(index(out, indices));
  if (out.get() == t.get()) out = alias_view(t);  // x[:, :] is a new tensor
  return wrap(std::move(out));
}

int assign_subscript(PyObject* self, PyObject* key, PyObject* value) {
  if (!value) fail(ErrorKind::Type, "Tensor does not support deleting items");
  const Tensor& t = as_tensor(self);
  const Tensor v = value_tensor(t, value);
  if (key == Py_False) return 0;
  if (key == Py_Ellipsis) {
    copy_to(t, v);
  } else if (key == Py_None || key == Py_True) {
    copy_to(unsqueeze(t, 0), v);
  } else if (is_plain_int(key)) {
    copy_to(select_checked(t, 0, key), v);
  } else if (PySlice_Check(key)) {
    if (t.ndim() == 0) fail(ErrorKind::Index, "slice() cannot be applied to a 0-dim tensor.");
    const Range r = slice_range(key, t.size(0));
    copy_to(r.whole ? t : slice(t, 0, r.start, r.stop, r.step), v);
  } else {
    const py::object tuple = as_key_tuple(key);
    std::vector<Tensor> indices;
    const Tensor part = apply_views(t, tuple.ptr(), indices);
    if (indices.empty()) {
      copy_to(part, v);
    } else {
      index_put_(part, indices, without_leading_ones(v, part.ndim()), false);
    }
  }
  return 0;
}

}  // namespace hinoko::bindings
