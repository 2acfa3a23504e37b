// Functions that make tensors from numbers and data.
#include "bindings/args.h"

namespace hinoko::bindings {

namespace {

// The keyword arguments that all of them share, in this order from `first`.
#define HINOKO_OPTIONS                                                                          \
  "ScalarType dtype=None, Layout layout=None, Device device=None, bool pin_memory=False, bool " \
  "requires_grad=False"
#define HINOKO_LIKE                                                                                \
  "*, ScalarType dtype=None, Layout layout=None, Device device=None, bool pin_memory=False, bool " \
  "requires_grad=False, MemoryFormat memory_format=None"

struct Options {
  std::optional<DType> dtype;
  bool requires_grad;
  Options(const Call& c, int first) : dtype(c.dtype(first)), requires_grad(c.flag(first + 4)) {
    check_device(c[first + 2]);
    if (c.flag(first + 3)) fail("Cannot access accelerator device when none is available.");
  }
};

PyObject* finish(Tensor&& t, const Options& options, PyObject* out = nullptr, const char* name = "") {
  if (out) return finish_out(std::move(t), out, name);
  if (options.requires_grad) ask_for_grad(t);
  return wrap(std::move(t));
}

// `zeros(2, 3)`, `zeros((2, 3))`: sizes, filled with Value.
template <int Value>
PyObject* constant(const Call& c) {
  static constexpr const char* name = Value ? "ones" : "zeros";
  const Options options(c, 2);
  const Dims sizes = c.dims(0);
  for (const int64_t s : sizes)
    if (s < 0) fail(name, ": Dimension size must be non-negative.");
  return finish(
      full(sizes, Scalar(Value), options.dtype.value_or(c.has(1) ? c.tensor(1).dtype() : default_dtype())),
      options, c[1], name);
}
// A bool has two values: memory as it comes has more.
void make_valid(const Tensor& t) {
  if (t.dtype() == DType::Bool) fill_raw(t, Scalar(false));
}

PyObject* empty_handler(const Call& c) {
  const Options options(c, 2);
  const Dims sizes = c.dims(0);
  for (const int64_t s : sizes)
    if (s < 0) fail("empty: Dimension size must be non-negative.");
  Tensor out = empty(sizes, options.dtype.value_or(default_dtype()));
  make_valid(out);
  return finish(std::move(out), options, c[1], "empty");
}
PyObject* full_handler(const Call& c) {
  const Options options(c, 3);
  const Scalar value = c.scalar(1);
  const DType natural = value.is_float() ? default_dtype() : value.is_bool() ? DType::Bool : DType::Int64;
  return finish(full(c.dims(0), value, options.dtype.value_or(natural)), options, c[2], "full");
}

template <int Value>  // -1: no value
PyObject* like(const Call& c) {
  const Options options(c, 1);
  const Tensor& t = c.tensor(0);
  Tensor out = c.has(6) && is_contiguous_format(c[6]) ? empty(t.sizes(), options.dtype.value_or(t.dtype()))
                                                      : empty_like(t, options.dtype);
  make_valid(out);
  if (Value >= 0) fill_raw(out, Scalar(Value));
  return finish(std::move(out), options);
}
PyObject* full_like_handler(const Call& c) {
  const Options options(c, 2);
  Tensor out = empty_like(c.tensor(0), options.dtype);
  fill_raw(out, c.scalar(1));
  return finish(std::move(out), options);
}

template <int Value>
PyObject* new_filled(const Call& c) {
  const Options options(c, 2);
  return finish(full(c.dims(1), Scalar(Value), options.dtype.value_or(c.tensor(0).dtype())), options);
}

PyObject* arange_handler(const Call& c) {
  // Overloads: (end), (start, end), (start, end, step).
  const int numbers = c.overload + 1;
  const Scalar start = numbers > 1 ? c.scalar(0) : Scalar(0), end = numbers > 1 ? c.scalar(1) : c.scalar(0),
               step = numbers > 2 ? c.scalar(2, Scalar(1)) : Scalar(1);
  const Options options(c, numbers + 1);
  const bool floating = start.is_float() || end.is_float() || step.is_float();
  const DType natural = c.has(numbers) ? c.tensor(numbers).dtype()
                        : floating     ? default_dtype()
                                       : DType::Int64;
  const DType dtype = options.dtype.value_or(natural);
  if (dtype == DType::Bool) fail(ErrorKind::NotImplemented, "\"arange_cpu\" not implemented for 'Bool'");
  if (!is_floating(dtype) && floating)  // torch counts in integers then
    return finish(
        arange(Scalar(static_cast<long long>(start.to_int())), Scalar(static_cast<long long>(end.to_int())),
               Scalar(static_cast<long long>(step.to_int())), dtype),
        options, c[numbers], "arange");
  return finish(arange(start, end, step, dtype), options, c[numbers], "arange");
}

PyObject* linspace_handler(const Call& c) {
  const Options options(c, 4);
  return finish(linspace(c.number(0), c.number(1), c.integer(2), options.dtype.value_or(default_dtype())),
                options, c[3], "linspace");
}

PyObject* eye_handler(const Call& c) {
  const int numbers = c.overload + 1;
  const Options options(c, numbers + 1);
  const int64_t rows = c.integer(0), columns = numbers > 1 ? c.integer(1) : rows;
  return finish(eye(rows, columns, options.dtype.value_or(default_dtype())), options, c[numbers], "eye");
}

void warn_copy_construct(PyObject* data) {
  if (!is_tensor(data)) return;
  check(PyErr_WarnEx(
      PyExc_UserWarning,
      "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
      "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
      1));
}

PyObject* tensor_handler(const Call& c) {
  check_device(c[2]);
  warn_copy_construct(c[0]);
  Tensor out = tensor_from_data(c[0] ? c[0] : Py_None, c.dtype(1));
  if (c.flag(4)) ask_for_grad(out);
  return wrap(std::move(out));
}
// tensor(data), tensor(data, requires_grad=True), tensor(data, dtype=d).
PyObject* tensor_fast(PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  static PyObject* const requires_grad = PyUnicode_InternFromString("requires_grad");
  static PyObject* const dtype = PyUnicode_InternFromString("dtype");
  if (count != 1) return nullptr;
  bool needs = false;
  std::optional<DType> d;
  if (keywords) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(keywords); ++i) {
      PyObject* name = PyTuple_GET_ITEM(keywords, i);
      PyObject* value = args[count + i];
      if (name == requires_grad && PyBool_Check(value)) {
        needs = value == Py_True;
      } else if (name == dtype && Py_TYPE(value) == Py_TYPE(dtype_object(DType::Float32))) {
        d = as_dtype(value);
      } else {
        return nullptr;
      }
    }
  }
  return guarded([&] {
    warn_copy_construct(args[0]);
    Tensor out = tensor_from_data(args[0], d);
    if (needs) ask_for_grad(out);
    return wrap(std::move(out));
  });
}

PyObject* as_tensor_handler(const Call& c) {
  check_device(c[2]);
  if (c[0] && is_tensor(c[0])) {
    const Tensor& t = c.tensor(0);
    return wrap(c.has(1) ? to_dtype(t, *c.dtype(1)) : t);
  }
  if (c[0] && is_ndarray(c[0])) {
    const Tensor t = tensor_from_buffer(c[0], false);
    return wrap(c.has(1) ? to_dtype(t, *c.dtype(1)) : t);
  }
  return wrap(tensor_from_data(c[0] ? c[0] : Py_None, c.dtype(1)));
}

constexpr Def kCreation[] = {
    {"tensor",
     "tensor(object data, *, ScalarType dtype=None, Device device=None, bool pin_memory=False, bool "
     "requires_grad=False)",
     tensor_handler, kFunction,
     "A new tensor with a copy of data: numbers, nested sequences, arrays, tensors.", tensor_fast},
    {"as_tensor", "as_tensor(object data, ScalarType dtype=None, Device device=None)", as_tensor_handler,
     kFunction, "data as a tensor, sharing memory where that is possible."},
    {"from_numpy", "from_numpy(object ndarray)",
     [](const Call& c) {
       if (!c[0] || !is_ndarray(c[0]))
         fail(ErrorKind::Type, "expected np.ndarray (got ", c[0] ? Py_TYPE(c[0])->tp_name : "NoneType", ")");
       return wrap(tensor_from_buffer(c[0], false));
     },
     kFunction, "A tensor that shares the memory of a numpy array."},
    {"zeros", "zeros(IntList... size, *, Tensor out=None, " HINOKO_OPTIONS ")", constant<0>, kFunction,
     "A tensor of zeros."},
    {"ones", "ones(IntList... size, *, Tensor out=None, " HINOKO_OPTIONS ")", constant<1>, kFunction,
     "A tensor of ones."},
    {"empty",
     "empty(IntList... size, *, Tensor out=None, " HINOKO_OPTIONS ", MemoryFormat memory_format=None)",
     empty_handler, kFunction, "A tensor with undefined contents."},
    {"full", "full(IntList[1] size, Number fill_value, *, Tensor out=None, " HINOKO_OPTIONS ")", full_handler,
     kFunction, "A tensor filled with one value."},
    {"zeros_like", "zeros_like(Tensor input, " HINOKO_LIKE ")", like<0>, kFunction,
     "Zeros of input's shape and dtype."},
    {"ones_like", "ones_like(Tensor input, " HINOKO_LIKE ")", like<1>, kFunction,
     "Ones of input's shape and dtype."},
    {"empty_like", "empty_like(Tensor input, " HINOKO_LIKE ")", like<-1>, kFunction,
     "Undefined contents of input's shape and dtype."},
    {"full_like", "full_like(Tensor input, Number fill_value, " HINOKO_LIKE ")", full_like_handler, kFunction,
     "One value in input's shape and dtype."},
    {"new_zeros", "new_zeros(Tensor input, IntList... size, *, " HINOKO_OPTIONS ")", new_filled<0>, kMethod,
     "Zeros of this dtype."},
    {"new_ones", "new_ones(Tensor input, IntList... size, *, " HINOKO_OPTIONS ")", new_filled<1>, kMethod,
     "Ones of this dtype."},
    {"new_empty", "new_empty(Tensor input, IntList... size, *, " HINOKO_OPTIONS ")", new_filled<0>, kMethod,
     "A tensor of this dtype."},
    {"new_full", "new_full(Tensor input, IntList[1] size, Number fill_value, *, " HINOKO_OPTIONS ")",
     [](const Call& c) {
       const Options options(c, 3);
       return finish(full(c.dims(1), c.scalar(2), options.dtype.value_or(c.tensor(0).dtype())), options);
     },
     kMethod, "One value of this dtype."},
    {"new_tensor", "new_tensor(Tensor input, object data, *, " HINOKO_OPTIONS ")",
     [](const Call& c) {
       const Options options(c, 2);
       return finish(tensor_from_data(c[1] ? c[1] : Py_None, options.dtype.value_or(c.tensor(0).dtype())),
                     options);
     },
     kMethod, "A copy of data in this dtype."},
    {"arange",
     "arange(Number end, *, Tensor out=None, " HINOKO_OPTIONS
     ")\narange(Number start, Number end, *, Tensor out=None, " HINOKO_OPTIONS
     ")\narange(Number start, Number end, Number step=1, *, Tensor out=None, " HINOKO_OPTIONS ")",
     arange_handler, kFunction, "Numbers from start up to, not including, end in steps."},
    {"linspace", "linspace(Number start, Number end, int steps, *, Tensor out=None, " HINOKO_OPTIONS ")",
     linspace_handler, kFunction, "steps evenly spaced numbers from start to end, both included."},
    {"eye",
     "eye(int n, *, Tensor out=None, " HINOKO_OPTIONS
     ")\neye(int n, int m, *, Tensor out=None, " HINOKO_OPTIONS ")",
     eye_handler, kFunction, "Ones on the diagonal, zeros elsewhere."},
};

}  // namespace

void ask_for_grad(const Tensor& t) {
  if (!is_floating(t.dtype())) fail("Only Tensors of floating point and complex dtype can require gradients");
  set_requires_grad(t, true);
}

void register_creation(Registry& r) { r.add<kCreation>(); }

}  // namespace hinoko::bindings
