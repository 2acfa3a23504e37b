// backward, grad, grad modes, hooks.
#include "autograd/engine.h"
#include "bindings/args.h"
#include "bindings/hooks.h"

namespace hinoko::bindings {

// ---- hooks ----

Tensor PythonHook::call(const Tensor& grad) {
  if (!function) return Tensor();
  const py::object kept = function;  // the hook may remove itself
  const py::object g = own(wrap(grad));
  const py::object result = own(PyObject_CallOneArg(kept.ptr(), g.ptr()));
  if (result.is_none()) return Tensor();
  if (!is_tensor(result.ptr()))
    fail(ErrorKind::Type, "expected Variable, but hook returned '", Py_TYPE(result.ptr())->tp_name, "'");
  const Tensor& replaced = as_tensor(result.ptr());
  const auto name = [&] {
    return py::hasattr(kept, "__name__") ? std::string(py::str(kept.attr("__name__")))
                                         : std::string(py::repr(kept));
  };
  if (!same(replaced.sizes(), grad.sizes())) fail("hook '", name(), "' has changed the size of value");
  if (replaced.dtype() != grad.dtype())
    fail("hook '", name(), "' has changed the type of value (was ", type_name(grad), " got ",
         type_name(replaced), ")");
  return replaced;
}

namespace {

py::object gradient_tuple(const std::vector<Tensor>& gradients) {
  py::object out = own(PyTuple_New(static_cast<Py_ssize_t>(gradients.size())));
  for (size_t i = 0; i < gradients.size(); ++i)
    PyTuple_SET_ITEM(out.ptr(), static_cast<Py_ssize_t>(i), wrap_or_none(Tensor(gradients[i])));
  return out;
}

void replace_gradients(std::vector<Tensor>& gradients, const py::object& result) {
  if (result.is_none()) return;
  const py::object items = is_tensor(result.ptr()) ? py::object(py::make_tuple(result)) : result;
  const py::object fast =
      own(PySequence_Fast(items.ptr(), "hook must return None, a Tensor or a tuple of them"));
  if (PySequence_Fast_GET_SIZE(fast.ptr()) != static_cast<Py_ssize_t>(gradients.size()))
    fail("hook has returned an incorrect number of values (got ", PySequence_Fast_GET_SIZE(fast.ptr()),
         ", but expected ", gradients.size(), ")");
  for (size_t i = 0; i < gradients.size(); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(fast.ptr(), static_cast<Py_ssize_t>(i));
    if (item != Py_None && !is_tensor(item))
      fail(ErrorKind::Type, "expected Variable, but hook returned '", Py_TYPE(item)->tp_name, "'");
    gradients[i] = item == Py_None ? Tensor() : as_tensor(item);
  }
}

struct Handle {
  std::weak_ptr<Removable> hook;
  uint64_t id;
  void remove() const {
    if (const auto alive = hook.lock()) alive->remove();
  }
};

uint64_t g_handle_count = 0;

}  // namespace

void PythonNodeHook::call(std::vector<Tensor>& gradients, std::vector<Tensor>* results) {
  if (!function) return;
  const py::object kept = function, outputs = gradient_tuple(gradients);
  if (!results) return replace_gradients(gradients, kept(outputs));
  replace_gradients(*results, kept(gradient_tuple(*results), outputs));
}

PyObject* removable_handle(const std::shared_ptr<Removable>& hook) {
  return py::cast(Handle{hook, g_handle_count++}).release().ptr();
}

// ---- backward and grad ----

namespace {

// A tensor or a sequence of tensors (None allowed for gradients).
std::vector<Tensor> tensors_of(PyObject* o, bool none_allowed) {
  std::vector<Tensor> out;
  if (!o || o == Py_None) return out;
  if (is_tensor(o)) {
    out.push_back(as_tensor(o));
    return out;
  }
  const py::object iterator = own(PyObject_GetIter(o));
  while (PyObject* next = PyIter_Next(iterator.ptr())) {
    const py::object item = own(next);
    if (next == Py_None && none_allowed) {
      out.emplace_back();
    } else if (is_tensor(next)) {
      out.push_back(as_tensor(next));
    } else {
      fail(ErrorKind::Type, "gradients can be either Tensors or None, but got ", Py_TYPE(next)->tp_name);
    }
  }
  if (PyErr_Occurred()) throw_python_error();
  return out;
}

bool truth(PyObject* o, bool fallback) { return o && o != Py_None ? PyObject_IsTrue(o) == 1 : fallback; }

void warn_create_graph() {
  HINOKO_WARN_ONCE(
      "Using backward() with create_graph=True will create a reference cycle between the parameter and its "
      "gradient "
      "which can cause a memory leak. We recommend using autograd.grad when creating the graph to avoid "
      "this. If you "
      "have to use this function, make sure to reset the .grad fields of your parameters to None after use "
      "to break "
      "the cycle and avoid the leak.");
}

void check_gradient_count(const std::vector<Tensor>& outputs, const std::vector<Tensor>& gradients) {
  if (!gradients.empty() && gradients.size() != outputs.size())
    fail("got ", outputs.size(), " tensors and ", gradients.size(), " gradients");
}

void run_backward(const std::vector<Tensor>& outputs, PyObject* gradient, PyObject* retain, PyObject* create,
                  PyObject* inputs) {
  const std::vector<Tensor> grads = tensors_of(gradient, true);
  check_gradient_count(outputs, grads);
  const bool create_graph = truth(create, false);
  const std::vector<Tensor> targets = tensors_of(inputs, false);
  if (inputs && inputs != Py_None && targets.empty())
    fail("`inputs` argument to `backward()` cannot be empty.");
  for (const Tensor& x : targets)
    if (!x.requires_grad()) fail("can't retain_grad on Tensor that has requires_grad=False");
  if (create_graph) warn_create_graph();
  backward(outputs, grads, {truth(retain, create_graph), create_graph}, targets);
}

PyObject* tensor_backward_fast(PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  if (count != 1 || keywords) return nullptr;
  return guarded([&] {
    const Tensor root = as_tensor(args[0]);
    backward({&root, 1}, {}, {}, {});
    Py_RETURN_NONE;
  });
}
PyObject* tensor_backward(const Call& c) {
  run_backward({c.tensor(0)}, c[1], c[2], c[3], c[4]);
  Py_RETURN_NONE;
}

PyObject* autograd_backward(const Call& c) {
  run_backward(tensors_of(c[0], false), c[1] ? c[1] : c[4], c[2], c[3], c[5]);
  Py_RETURN_NONE;
}

PyObject* autograd_grad(const Call& c) {
  const std::vector<Tensor> outputs = tensors_of(c[0], false), inputs = tensors_of(c[1], false),
                            grads = tensors_of(c[2], true);
  const bool create_graph = truth(c[4], false), materialize = truth(c[8], false);
  if (materialize && c[6] && !truth(c[6], true))
    fail(ErrorKind::Value,
         "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
         "allow_unused=False.");
  if (truth(c[7], false))
    fail(ErrorKind::NotImplemented,
         "autograd.grad: is_grads_batched=True needs vmap, which hinoko does not have yet");
  if (inputs.empty()) fail("`inputs` argument to `grad()` cannot be empty.");
  check_gradient_count(outputs, grads);
  std::vector<Tensor> out =
      gradients(outputs, grads, inputs, {truth(c[3], create_graph), create_graph}, truth(c[6], materialize));
  if (materialize)
    for (size_t i = 0; i < out.size(); ++i)
      if (!out[i]) {
        out[i] = zeros_like(inputs[i]);
        set_requires_grad(out[i], create_graph);
      }
  return gradient_tuple(out).release().ptr();
}

PyObject* autograd_grad_fast(PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  static PyObject* const create = PyUnicode_InternFromString("create_graph");
  static PyObject* const retain = PyUnicode_InternFromString("retain_graph");
  if (count != 2 || !is_tensor(args[0]) || !is_tensor(args[1])) return nullptr;
  SweepOptions options;
  if (keywords) {
    if (PyTuple_GET_SIZE(keywords) != 1) return nullptr;
    PyObject* name = PyTuple_GET_ITEM(keywords, 0);
    if (args[2] != Py_True && args[2] != Py_False) return nullptr;
    const bool value = args[2] == Py_True;
    if (name == create) {
      options = {value, value};
    } else if (name == retain) {
      options = {value, false};
    } else {
      return nullptr;
    }
  }
  return guarded([&] {
    const Tensor output = as_tensor(args[0]), input = as_tensor(args[1]);
    std::vector<Tensor> out = gradients({&output, 1}, {}, {&input, 1}, options, false);
    const py::object result = own(PyTuple_New(1));
    PyTuple_SET_ITEM(result.ptr(), 0, wrap(std::move(out[0])));
    return py::object(result).release().ptr();
  });
}

constexpr Def kAutograd[] = {
    {"_autograd_grad",
     "grad(object outputs, object inputs, object grad_outputs=None, object retain_graph=None, object "
     "create_graph=False, object "
     "only_inputs=True, object allow_unused=None, object is_grads_batched=False, object "
     "materialize_grads=False)",
     autograd_grad, kFunction,
     "Returns the sum of gradients of outputs with respect to the inputs, without touching any .grad.",
     autograd_grad_fast},
    {"_autograd_backward",
     "backward(object tensors, object grad_tensors=None, object retain_graph=None, object "
     "create_graph=False, object "
     "grad_variables=None, object inputs=None)",
     autograd_backward, kFunction,
     "Computes the sum of gradients of tensors and adds it to the .grad of the leaves."},
    {"backward",
     "backward(Tensor input, object gradient=None, object retain_graph=None, object create_graph=False, "
     "object inputs=None)",
     tensor_backward, kMethod,
     "Computes the gradients of this tensor with respect to the graph's leaves, into their .grad.",
     tensor_backward_fast},
    {"register_hook", "register_hook(Tensor input, object hook)",
     [](const Call& c) {
       const auto hook = std::make_shared<PythonHook>(c[1] ? c[1] : Py_None);
       register_hook(c.tensor(0), hook);
       track(c[0]);
       return removable_handle(hook);
     },
     kMethod,
     "Calls hook(grad) when the gradient of this tensor is known; what it returns, if anything, replaces "
     "it."},
    {"register_post_accumulate_grad_hook", "register_post_accumulate_grad_hook(Tensor input, object hook)",
     [](const Call& c) {
       const auto hook = std::make_shared<PythonHook>(c[1] ? c[1] : Py_None);
       register_post_accumulate_hook(c.tensor(0), hook);
       track(c[0]);
       return removable_handle(hook);
     },
     kMethod, "Calls hook(tensor) after the .grad of this leaf was updated."},
    {"retain_grad", "retain_grad(Tensor input)",
     [](const Call& c) -> PyObject* {
       retain_grad(c.tensor(0));
       Py_RETURN_NONE;
     },
     kMethod, "Makes a non-leaf keep its gradient in .grad."},
    {"requires_grad_", "requires_grad_(Tensor input, bool requires_grad=True)",
     [](const Call& c) {
       set_requires_grad(c.tensor(0), c.flag(1, true));
       Py_INCREF(c[0]);
       return c[0];
     },
     kMethod, "Sets requires_grad and returns the tensor."},
    {"detach", "detach(Tensor input)", [](const Call& c) { return wrap(detach(c.tensor(0))); }, kBoth,
     "The same data outside of the graph.",
     [](PyObject* const* args, Py_ssize_t count, PyObject* keywords) -> PyObject* {
       if (count != 1 || keywords || !is_tensor(args[0])) return nullptr;
       return guarded([&] { return wrap(detach(as_tensor(args[0]))); });
     }},
    {"detach_", "detach_(Tensor input)",
     [](const Call& c) {
       detach_(c.tensor(0));
       Py_INCREF(c[0]);
       return c[0];
     },
     kBoth, "Takes the tensor out of the graph."},
};

}  // namespace

void register_autograd(Registry& r) { r.add<kAutograd>(); }

[[gnu::cold]] void init_autograd(py::module_& m) {
  m.def("is_grad_enabled", [] { return grad_enabled(); }, "Whether operations are recorded.");
  m.def("_set_grad_enabled", [](bool on) { return std::exchange(g_grad_enabled, on); });
  py::class_<Handle> handle(m, "RemovableHandle", "Removes a hook: handle.remove(), or leave a with block.");
  handle.attr("__module__") = "torch.utils.hooks";
  handle.def("remove", &Handle::remove)
      .def_readonly("id", &Handle::id)
      .def("__enter__", [](py::object self) { return self; })
      .def("__exit__", [](const Handle& self, const py::args&) { self.remove(); });
}

}  // namespace hinoko::bindings
