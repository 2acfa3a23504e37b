// Reductions: sum, mean, max, min.
#include "bindings/args.h"

namespace hinoko::bindings {

namespace {

PyTypeObject* named_tuple_type(const char* full_name) {
  static auto* fields = new PyStructSequence_Field[3]{
      {"values", "the values"}, {"indices", "where they are"}, {nullptr, nullptr}};
  PyStructSequence_Desc description = {full_name, "values and their indices", fields, 2};
  auto* type = reinterpret_cast<PyTypeObject*>(
      check(reinterpret_cast<PyObject*>(PyStructSequence_NewType(&description))));
  type->tp_repr = [](PyObject* self) {
    return PyUnicode_FromFormat("%s(\nvalues=%R,\nindices=%R)", Py_TYPE(self)->tp_name,
                                PyStructSequence_GetItem(self, 0), PyStructSequence_GetItem(self, 1));
  };
  return type;
}

PyObject* values_and_indices(ValuesAndIndices&& r, PyTypeObject* type) {
  const py::object out = own(PyStructSequence_New(type));
  PyStructSequence_SetItem(out.ptr(), 0, wrap(std::move(r.values)));
  PyStructSequence_SetItem(out.ptr(), 1, wrap(std::move(r.indices)));
  return py::object(out).release().ptr();
}

template <Tensor (*Whole)(const Tensor&), Tensor (*Pairwise)(const Tensor&, const Tensor&),
          ValuesAndIndices (*Along)(const Tensor&, int64_t, bool), bool IsMax>
PyObject* extreme(const Call& c) {
  if (c.overload == 0) return finish_out(Whole(c.tensor(0)), c[1], IsMax ? "max" : "min");
  if (c.overload == 1) return finish_out(Pairwise(c.tensor(0), c.tensor(1)), c[2], IsMax ? "max" : "min");
  static PyTypeObject* const type =
      named_tuple_type(IsMax ? "torch.return_types.max" : "torch.return_types.min");
  ValuesAndIndices r = Along(c.tensor(0), c.integer(1), c.flag(2));
  if (!c.has(3)) return values_and_indices(std::move(r), type);
  const std::vector<Tensor> out = as_tensors(c[3]);
  if (out.size() != 2)
    fail(ErrorKind::Type, IsMax ? "max" : "min", "() expected a tuple of 2 Tensors for out, got ",
         out.size());
  const py::object values = own(wrap(out[0])), indices = own(wrap(out[1]));
  (void)own(finish_out(std::move(r.values), values.ptr(), "max"));
  (void)own(finish_out(std::move(r.indices), indices.ptr(), "max"));
  return values_and_indices({out[0], out[1]}, type);
}

PyObject* sum_handler(const Call& c) {
  if (c.overload == 0) return wrap(sum(c.tensor(0), c.dtype(1)));
  return finish_out(sum(c.tensor(0), c.dims(1), c.flag(2), c.dtype(3)), c[4], c.function);
}
PyObject* mean_handler(const Call& c) {
  if (c.overload == 0) return wrap(mean(c.tensor(0), c.dtype(1)));
  return finish_out(mean(c.tensor(0), c.dims(1), c.flag(2), c.dtype(3)), c[4], c.function);
}
template <Tensor (*F)(const Tensor&, std::optional<DType>)>
PyObject* whole_fast(PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  if (count != 1 || keywords || !is_tensor(args[0])) return nullptr;
  return guarded([&] { return wrap(F(as_tensor(args[0]), std::nullopt)); });
}

constexpr Def kReductions[] = {
    {"sum",
     "sum(Tensor input, *, ScalarType dtype=None)\nsum(Tensor input, IntList[1]? dim, bool keepdim=False, *, "
     "ScalarType dtype=None, Tensor out=None)",
     sum_handler, kBoth, "The sum of all elements, or along dim.", whole_fast<sum>},
    {"mean",
     "mean(Tensor input, *, ScalarType dtype=None)\nmean(Tensor input, IntList[1]? dim, bool keepdim=False, "
     "*, ScalarType dtype=None, Tensor out=None)",
     mean_handler, kBoth, "The mean of all elements, or along dim.", whole_fast<mean>},
    {"max",
     "max(Tensor input, *, Tensor out=None)\nmax(Tensor input, Tensor other, *, Tensor out=None)\nmax(Tensor "
     "input, int dim, bool "
     "keepdim=False, *, TensorList out=None)",
     extreme<max, maximum, max, true>, kBoth,
     "The largest element; along dim, with its index; or the larger of two tensors."},
    {"min",
     "min(Tensor input, *, Tensor out=None)\nmin(Tensor input, Tensor other, *, Tensor out=None)\nmin(Tensor "
     "input, int dim, bool "
     "keepdim=False, *, TensorList out=None)",
     extreme<min, minimum, min, false>, kBoth,
     "The smallest element; along dim, with its index; or the smaller of two tensors."},
};

}  // namespace

void register_reductions(Registry& r) { r.add<kReductions>(); }

}  // namespace hinoko::bindings
