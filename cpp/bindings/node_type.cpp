// grad_fn objects. Every kind of node has its own Python type, made when first seen, so that
// type(y.grad_fn).__name__ is torch's name.
#include <cstring>
#include <map>

#include "bindings/hooks.h"
#include "bindings/python.h"

#include <structmember.h>  // after Python.h

namespace hinoko::bindings {

namespace {

struct PyNode {
  PyObject ob_base;
  Node* node;
  PyObject* weakrefs;
};

PyTypeObject* g_node_type = nullptr;

Node& node_of(PyObject* o) { return *reinterpret_cast<PyNode*>(o)->node; }

void dealloc(PyObject* o) {
  auto* self = reinterpret_cast<PyNode*>(o);
  PyTypeObject* type = Py_TYPE(o);
  Node* const node = self->node;
  // Callbacks of weak references may ask for the node's object: not for this one any more.
  if (node && node->extra_or_null() && node->extra_or_null()->handle == self)
    node->extra_or_null()->handle = nullptr;
  if (self->weakrefs) PyObject_ClearWeakRefs(o);
  if (node) node->unref();
  type->tp_free(o);
  Py_DECREF(type);
}

PyObject* repr(PyObject* o) {
  // The types are called builtins.X, so that print(type(y.grad_fn)) says <class 'X'>.
  return PyUnicode_FromFormat("<%s object at %p>", std::strrchr(Py_TYPE(o)->tp_name, '.') + 1,
                              static_cast<void*>(o));
}

PyObject* name(PyObject* o, PyObject*) {
  return guarded([&] {
    const Node& node = node_of(o);
    return PyUnicode_FromString(node.full_name());
  });
}

PyObject* next_functions(PyObject* o, void*) {
  return guarded([&] {
    Node& node = node_of(o);
    const int listed = node.listed_edges();
    const py::object out = own(PyTuple_New(listed));
    for (int i = 0; i < listed; ++i) {
      const Edge e = i < static_cast<int>(node.edge_count()) ? node.edges()[i] : Edge{nullptr, 0};
      const py::object fn = own(node_object(e.fn));
      PyTuple_SET_ITEM(out.ptr(), i, check(Py_BuildValue("(OI)", fn.ptr(), e.nr)));
    }
    return out.inc_ref().ptr();
  });
}

PyObject* variable(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    Node& node = node_of(o);
    if (!node.is_accumulator()) {
      PyErr_Format(PyExc_AttributeError, "'%s' object has no attribute 'variable'", Py_TYPE(o)->tp_name);
      throw_python_error();
    }
    return wrap(Tensor::share(static_cast<AccumulateGrad&>(node).variable));
  });
}

PyObject* metadata(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    // Kept on the node, not on this object: it must outlive it.
    auto& held = node_of(o).extra().notes;
    if (!held) held = std::make_shared<Metadata>();
    return py::object(static_cast<Metadata*>(held.get())->dict).release().ptr();
  });
}

PyObject* sequence_number(PyObject* o, PyObject*) {
  const Node& node = node_of(o);
  return PyLong_FromUnsignedLongLong(node.is_accumulator() ? UINT64_MAX : node.sequence() - 1);
}

PyObject* register_prehook(PyObject* o, PyObject* function) {
  return guarded([&] {
    auto hook = std::make_shared<PythonNodeHook>(function);
    node_of(o).extra().prehooks.push_back(hook);
    return removable_handle(hook);
  });
}
PyObject* register_hook(PyObject* o, PyObject* function) {
  return guarded([&] {
    auto hook = std::make_shared<PythonNodeHook>(function);
    node_of(o).extra().posthooks.push_back(hook);
    return removable_handle(hook);
  });
}

PyMethodDef g_methods[] = {
    {"name", name, METH_NOARGS, "The name of the node."},
    {"_sequence_nr", sequence_number, METH_NOARGS, "The order of creation."},
    {"register_hook", register_hook, METH_O,
     "Calls hook(grad_inputs, grad_outputs) after the node's derivative ran."},
    {"register_prehook", register_prehook, METH_O,
     "Calls hook(grad_outputs) before the node's derivative runs."},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef g_getset[] = {
    {"next_functions", next_functions, nullptr, "The nodes of the inputs, as (node, output number).",
     nullptr},
    {"variable", variable, nullptr, "The leaf that an AccumulateGrad node adds to.", nullptr},
    {"metadata", metadata, nullptr, "A dict for the user's notes.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyTypeObject* type_named(const char* title) {
  static auto* types = new std::map<std::string, PyTypeObject*>;
  const std::string full = cat("builtins.", title);
  PyTypeObject*& type = (*types)[full];
  if (!type) {
    PyType_Slot slots[] = {{Py_tp_base, g_node_type}, {0, nullptr}};
    // Python keeps a pointer into the name for as long as the type lives.
    const char* kept = types->find(full)->first.c_str();
    PyType_Spec spec = {kept, 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)));
  }
  return type;
}

}  // namespace

PyObject* node_object(Node* node) {
  if (!node) Py_RETURN_NONE;
  if (auto* existing =
          static_cast<PyObject*>(node->extra_or_null() ? node->extra_or_null()->handle : nullptr)) {
    Py_INCREF(existing);
    return existing;
  }
  PyTypeObject* type = type_named(node->name());
  auto* self = reinterpret_cast<PyNode*>(check(type->tp_alloc(type, 0)));
  node->ref();
  self->node = node;
  self->weakrefs = nullptr;
  node->extra().handle = self;
  return &self->ob_base;
}

void init_node_type(py::module_& m) {
  static PyMemberDef members[] = {
      {"__weaklistoffset__", T_PYSSIZET, offsetof(PyNode, weakrefs), READONLY, nullptr},
      {nullptr, 0, 0, 0, nullptr}};
  PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_tp_repr, reinterpret_cast<void*>(repr)},
      {Py_tp_methods, g_methods},
      {Py_tp_getset, g_getset},
      {Py_tp_members, members},
      {Py_tp_doc, const_cast<char*>("A node of the graph: the recorded operation that made a tensor.")},
      {0, nullptr},
  };
  PyType_Spec spec = {"torch.autograd.graph.Node", sizeof(PyNode), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  g_node_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)));
  m.attr("Node") = borrow(reinterpret_cast<PyObject*>(g_node_type));
}

}  // namespace hinoko::bindings
