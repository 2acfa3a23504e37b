// repr(tensor) and its options.
#include "tensor/print.h"

#include "bindings/python.h"

namespace hinoko::bindings {

namespace {
PrintOptions g_options;
}

std::string tensor_repr(PyObject* o) {
  const Tensor& t = as_tensor(o);
  const Dims strides = t.strides();
  PrintSuffix suffix{"", false, default_dtype()};
  try {
    if (const Node* node = grad_fn(t)) suffix.grad_fn = node->name();
  } catch (const Error&) {  // a view whose producer can't be said any more
    suffix.grad_fn = "Invalid";
  }
  suffix.requires_grad = t.requires_grad();
  const PrintSource source{t.dtype(), t.raw(), t.sizes(), strides};
  if (is_tensor_exact(o)) return tensor_to_string(source, g_options, suffix);
  const char* name = Py_TYPE(o)->tp_name;
  const char* dot = std::strrchr(name, '.');
  return tensor_to_string(source, g_options, suffix, cat(dot ? dot + 1 : name, "("));
}

void init_printing(py::module_& m) {
  m.def("_get_printoptions", [] {
    py::dict out;
    out["precision"] = g_options.precision;
    out["threshold"] = g_options.threshold;
    out["edgeitems"] = g_options.edgeitems;
    out["linewidth"] = g_options.linewidth;
    out["sci_mode"] =
        g_options.sci_mode < 0 ? py::object(py::none()) : py::object(py::bool_(g_options.sci_mode == 1));
    return out;
  });
  m.def(
      "_set_printoptions",
      [](int precision, double threshold, int64_t edgeitems, int64_t linewidth, const py::object& sci_mode) {
        g_options = {precision, threshold, edgeitems, linewidth,
                     sci_mode.is_none()      ? -1
                     : sci_mode.cast<bool>() ? 1
                                             : 0};
      },
      py::arg("precision"), py::arg("threshold"), py::arg("edgeitems"), py::arg("linewidth"),
      py::arg("sci_mode"));
}

}  // namespace hinoko::bindings
