// The Tensor type: a hand-written CPython type. Wrappers come from a free list; a tensor has one wrapper as
// long as that lives. Number slots are in operators.cpp, methods in the tables of the functions_*.cpp files.
#include "bindings/args.h"
#include "bindings/hooks.h"
#include "bindings/tensor_slots.h"

#include <structmember.h>  // after Python.h

namespace hinoko::bindings {

PyTypeObject* g_tensor_type = nullptr;

namespace {

constexpr int kMaxFree = 4096;
PyTensor* g_free = nullptr;  // linked through `impl`
int g_free_count = 0;

PyTensor* allocate(PyTypeObject* type) {
  if (type == g_tensor_type && g_free) {
    PyTensor* self = g_free;
    g_free = reinterpret_cast<PyTensor*>(self->impl);
    --g_free_count;
    (void)PyObject_Init(&self->ob_base, type);
    return self;
  }
  if (type == g_tensor_type) return PyObject_GC_New(PyTensor, type);
  // A Python subclass: its layout is the type's business.
  return reinterpret_cast<PyTensor*>(type->tp_alloc(type, 0));
}

// Whether the wrapper has to outlive its last Python reference: something else holds the tensor, and the
// wrapper carries attributes or a class of the user's.
bool outlives(const PyTensor* self) {
  return self->impl && self->impl->handle == self && self->impl->refs > 1 &&
         (Py_TYPE(self) != g_tensor_type || (self->dict && PyDict_GET_SIZE(self->dict)));
}
// The tensor owns the wrapper from now on, instead of the other way round.
void hand_over(PyTensor* self) {
  self->impl->flags |= kOwnsHandle;
  self->impl->unref();
}

void dealloc(PyObject* o) {
  auto* self = reinterpret_cast<PyTensor*>(o);
  PyTypeObject* type = Py_TYPE(o);
  if ((self->dict || type != g_tensor_type) && outlives(self)) {
    Py_SET_REFCNT(o, 1);
    hand_over(self);
    return;
  }
  if (PyObject_GC_IsTracked(o)) PyObject_GC_UnTrack(o);
  // Callbacks of weak references may ask for the tensor's wrapper: not for this one any more.
  if (self->impl && self->impl->handle == self) self->impl->handle = nullptr;
  if (self->weakrefs) PyObject_ClearWeakRefs(o);
  Py_CLEAR(self->dict);
  if (TensorImpl* impl = std::exchange(self->impl, nullptr)) impl->unref();
  if (type == g_tensor_type && g_free_count < kMaxFree) {
    self->impl = reinterpret_cast<TensorImpl*>(g_free);
    g_free = self;
    ++g_free_count;
  } else {
    type->tp_free(o);
  }
  Py_DECREF(type);
}

// The Python hooks that only this wrapper keeps alive, by way of the tensor or of its producer.
template <class F>
void for_own_hooks(const PyTensor* self, F f) {
  const TensorImpl* impl = self->impl;
  if (!impl || impl->handle != self || impl->refs != 1) return;
  const auto all = [&](const std::vector<HookEntry>& entries) {
    for (const HookEntry& e : entries) f(static_cast<PythonHook&>(*e.hook));
  };
  if (impl->meta) {
    all(impl->meta->hooks);
    all(impl->meta->post_accumulate);
  }
  if (impl->grad_fn && impl->grad_fn->refs() == 1 && impl->grad_fn->extra_or_null())
    all(impl->grad_fn->extra_or_null()->hooks);
}

int traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(reinterpret_cast<PyTensor*>(o)->dict);
  int result = 0;
  for_own_hooks(reinterpret_cast<PyTensor*>(o), [&](PythonHook& hook) {
    if (!result && hook.function) result = visit(hook.function.ptr(), arg);
  });
  if (result) return result;
  Py_VISIT(Py_TYPE(o));
  return 0;
}

// For Python subclasses, whose own deallocator would take the attributes first.
void finalize(PyObject* o) {
  auto* self = reinterpret_cast<PyTensor*>(o);
  if (Py_TYPE(o) == g_tensor_type || !outlives(self)) return;
  Py_INCREF(o);
  hand_over(self);
}

int clear(PyObject* o) {
  std::vector<py::object> dropped;  // let go of at the end: that can run code
  for_own_hooks(reinterpret_cast<PyTensor*>(o),
                [&](PythonHook& hook) { dropped.push_back(std::move(hook.function)); });
  Py_CLEAR(reinterpret_cast<PyTensor*>(o)->dict);
  return 0;
}

// Attributes set by the user can make cycles; only then does the collector need to know of a tensor.
int set_attribute(PyObject* o, PyObject* name, PyObject* value) {
  const int result = PyObject_GenericSetAttr(o, name, value);
  if (result == 0 && reinterpret_cast<PyTensor*>(o)->dict && !PyObject_GC_IsTracked(o)) PyObject_GC_Track(o);
  return result;
}

// torch.Tensor(...): the legacy constructor. Sizes give undefined contents, data gives float32.
PyObject* construct(PyTypeObject* type, PyObject* args, PyObject*) {
  return guarded([&]() -> PyObject* {
    const Py_ssize_t count = PyTuple_GET_SIZE(args);
    PyObject* first = count ? PyTuple_GET_ITEM(args, 0) : nullptr;
    Tensor out;
    if (!count) {
      const int64_t none[] = {0};
      out = empty(none, default_dtype());
    } else if (count == 1 && is_tensor(first)) {
      out = detach(as_tensor(first));
    } else if (is_size(first) || PyLong_Check(first)) {
      out = empty(as_dims(count == 1 ? first : args), default_dtype());
    } else if (count == 1) {
      out = tensor_from_data(first, default_dtype());
    } else {
      PyErr_Format(PyExc_TypeError, "new() received an invalid combination of arguments");
      throw_python_error();
    }
    return wrap_new(std::move(out), type);
  });
}

Py_hash_t hash(PyObject* o) {
  return static_cast<Py_hash_t>(reinterpret_cast<uintptr_t>(o));
}  // id(), as in torch

PyObject* repr(PyObject* o) {
  return guarded([&] {
    const std::string text = tensor_repr(o);
    return PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
  });
}

PyMemberDef g_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(PyTensor, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(PyTensor, weakrefs), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

// The rows of the elementwise tables, with what numeric tests need.
struct RowText {
  const char *name, *node, *doc;
  int operands;
  const char *keeps, *form, *result;  // keeps: of one operand, the others: of two
  double low, high;
};
constexpr RowText kRowTexts[] = {
#define HINOKO_UNARY(name_, result_, node_, value_, gradient_, keeps_, lo_, hi_, doc_) \
  {#name_, node_, doc_, 1, #keeps_, nullptr, nullptr, lo_, hi_},
#include "table/unary.def"
#undef HINOKO_UNARY
#define HINOKO_BINARY(name_, form_, result_, node_, value_, gradient_a_, gradient_b_, keeps_a_, keeps_b_, \
                      doc_)                                                                               \
  {#name_, node_, doc_, 2, nullptr, #form_, #result_, 0, 0},
#include "table/binary.def"
#undef HINOKO_BINARY
};

}  // namespace

void track(PyObject* tensor) {
  if (!PyObject_GC_IsTracked(tensor)) PyObject_GC_Track(tensor);
}

PyObject* take_back_handle(Tensor&& t) {
  auto* existing = static_cast<PyObject*>(t->handle);
  t->flags &= static_cast<uint16_t>(~kOwnsHandle);
  (void)t.release();  // the wrapper's reference to the tensor; the caller gets that to the wrapper
  return existing;
}

PyObject* wrap_new(Tensor&& t, PyTypeObject* type) {
  PyTensor* self = allocate(type ? type : g_tensor_type);
  if (!self) throw_python_error();
  self->dict = nullptr;
  self->weakrefs = nullptr;
  if (!t->handle) t->handle = self;
  self->impl = t.release();
  return &self->ob_base;
}

[[gnu::cold]] void init_tensor_type(py::module_& m) {
  static std::vector<PyMethodDef> functions, methods;
  static std::vector<const Def*> defs;
  Registry registry{functions, methods, defs};
  register_elementwise(registry);
  register_creation(registry);
  register_shape(registry);
  register_reductions(registry);
  register_tensor_methods(registry);
  register_autograd(registry);
  register_random(registry);
  methods.push_back({nullptr, nullptr, 0, nullptr});
  functions.push_back({nullptr, nullptr, 0, nullptr});

  std::vector<PyType_Slot> slots = {
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(clear)},
      {Py_tp_finalize, reinterpret_cast<void*>(finalize)},
      {Py_tp_setattro, reinterpret_cast<void*>(set_attribute)},
      {Py_tp_new, reinterpret_cast<void*>(construct)},
      {Py_tp_hash, reinterpret_cast<void*>(hash)},
      {Py_tp_repr, reinterpret_cast<void*>(repr)},
      {Py_tp_str, reinterpret_cast<void*>(repr)},
      {Py_tp_methods, methods.data()},
      {Py_tp_members, g_members},
      {Py_tp_getset, tensor_getset()},
      {Py_tp_doc, const_cast<char*>("A multi-dimensional array that takes part in differentiation.")},
  };
  add_operator_slots(slots);
  slots.push_back({0, nullptr});
  PyType_Spec spec = {"torch.Tensor", sizeof(PyTensor), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots.data()};
  g_tensor_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)));
  // The finalizer is not for users to call.
  check(PyDict_DelItemString(g_tensor_type->tp_dict, "__del__"));
  PyType_Modified(g_tensor_type);
  // Error texts say 'Tensor', as for a class that is written in Python.
  g_tensor_type->tp_name = "Tensor";
  const py::int_ priority(1000);  // numpy's numbers and arrays leave operators to us
  check(PyObject_SetAttrString(reinterpret_cast<PyObject*>(g_tensor_type), "__array_priority__",
                               priority.ptr()));
  g_release_handle = [](void* handle) noexcept { Py_DECREF(static_cast<PyObject*>(handle)); };
  m.attr("Tensor") = borrow(reinterpret_cast<PyObject*>(g_tensor_type));
  check(PyModule_AddFunctions(m.ptr(), functions.data()));

  // Names and signatures of all functions, for the documentation, the stub and the tests.
  m.def("op_table", [] {
    py::list out;
    for (const Def* def : defs) {
      py::dict row;
      row["name"] = def->name;
      row["signatures"] = def->signatures;
      row["function"] = static_cast<bool>(def->where & kFunction);
      row["method"] = static_cast<bool>(def->where & kMethod);
      row["doc"] = def->doc;
      out.append(row);
    }
    return out;
  });
  m.def("row_table", [] {
    py::list out;
    for (const RowText& r : kRowTexts) {
      py::dict row;
      row["name"] = r.name;
      row["operands"] = r.operands;
      row["node"] = r.node;
      row["doc"] = r.doc;
      if (r.operands == 1) {
        row["keeps"] = r.keeps;
        row["low"] = r.low;
        row["high"] = r.high;
      } else {
        row["form"] = r.form;
        row["result"] = r.result;
      }
      out.append(row);
    }
    return out;
  });
  m.def(
      "live_blocks", [] { return g_pool.live_blocks; },
      "The number of pooled blocks in use: tensors, nodes, shapes and small buffers.");
}

void set_python_error() noexcept {
  try {
    throw;
  } catch (const ForeignError&) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "an error was lost");
  } catch (const Error& e) {
    static PyObject* const kinds[] = {PyExc_RuntimeError, PyExc_ValueError,          PyExc_TypeError,
                                      PyExc_IndexError,   PyExc_NotImplementedError, PyExc_BufferError,
                                      PyExc_MemoryError};
    PyErr_SetString(kinds[static_cast<int>(e.kind())], e.what());
  } catch (py::error_already_set& e) {
    e.restore();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  } catch (...) {
    PyErr_SetString(PyExc_SystemError, "unknown C++ exception");
  }
}

}  // namespace hinoko::bindings
