// The optimisers' steps: one call for all groups and parameters. The contracts of the functions stand in
// python/hinoko/optim/.
#include <unordered_set>

#include "bindings/python.h"
#include "optim/sgd.h"

namespace hinoko::bindings {

namespace {

// The keys of a group that are read, interned when the module is made.
PyObject *kParams, *kLr, *kMomentum, *kDampening, *kWeightDecay, *kNesterov, *kMaximize, *kBuffer;

// A dict's entry, borrowed, or null. Raises only what a key's comparison raises.
PyObject* lookup(PyObject* dict, PyObject* name) {
  PyObject* value = PyDict_GetItemWithError(dict, name);
  if (!value && PyErr_Occurred()) throw_python_error();
  return value;
}

bool read_number(PyObject* o, double& out, bool tensor_allowed) {
  if (!o) return false;
  if (PyFloat_Check(o)) {
    out = PyFloat_AS_DOUBLE(o);
    return true;
  }
  if (PyLong_Check(o)) {
    out = PyLong_AsDouble(o);
    if (out == -1.0 && PyErr_Occurred()) {
      PyErr_Clear();
      return false;
    }
    return true;
  }
  if (!tensor_allowed || !is_tensor(o) || as_tensor(o).numel() != 1) return false;
  out = as_tensor(o).item().to_double();
  return true;
}

bool read_flag(PyObject* o, bool& out) {
  if (!o) return false;
  const int truth = PyObject_IsTrue(o);
  if (truth < 0) throw_python_error();
  out = truth;
  return true;
}

// Options and state may run Python code that drops or exchanges tensors: an update owns what it uses, and
// notes how it was.
struct Update {
  Tensor param, grad;
  py::object wrapper;  // of the parameter
  Tensor buffer;       // undefined without momentum
  Tensor grad_copy;    // where the gradient's strides differ
  bool first;
  uint32_t group;
  uint32_t exchanges = 0;

  uint32_t count_exchanges() const {
    return param->exchanges + grad->exchanges + (buffer ? buffer->exchanges : 0);
  }
};

bool same_layout(const Tensor& a, const Tensor& b) {
  return (a.is_contiguous() && b.is_contiguous()) || same(a.strides(), b.strides());
}

class SgdStep {
 public:
  // Pass 1: false where the step has to be done in tensor operations.
  bool prepare(PyObject* groups, PyObject* state) {
    for (Py_ssize_t g = 0; g < PyList_GET_SIZE(groups); ++g)
      if (!add_group(borrow(PyList_GET_ITEM(groups, g)).ptr(), state)) return false;
    if (updates_.size() > 1 && shares_storage()) return false;
    for (Update& u : updates_) {
      if (!u.first || u.buffer) continue;
      if (!options_[u.group].momentum) continue;
      u.buffer = empty_strided(u.param->sizes(), u.param.strides(), u.param->dtype);
      const py::object entry = own(PyObject_GetItem(state, u.wrapper.ptr())), wrapped = own(wrap(u.buffer));
      check(PyObject_SetItem(entry.ptr(), kBuffer, wrapped.ptr()));
      u.exchanges += u.buffer->exchanges;
    }
    for (const Update& u : updates_)
      if (u.count_exchanges() != u.exchanges) fail("a parameter got other data during step()");
    return true;
  }

  // Pass 2: nothing can fail.
  void run() {
    for (Update& u : updates_) {
      const SgdOptions& options = options_[u.group];
      if (u.param->dtype == DType::Float32) {
        update<float>(u, options);
      } else {
        update<double>(u, options);
      }
      u.param->bump_version();
      if (u.buffer && !u.first) u.buffer->storage->version += 2;
    }
  }

 private:
  template <class T>
  static void update(Update& u, const SgdOptions& options) {
    const void* grad = u.grad_copy ? u.grad_copy.raw() : u.grad->data;
    sgd_update(static_cast<T*>(u.param->data), static_cast<const T*>(grad),
               u.buffer ? u.buffer.data<T>() : nullptr, u.first, u.param->numel, options);
  }

  bool add_group(PyObject* group, PyObject* state) {
    if (!PyDict_Check(group)) return false;
    SgdOptions o;
    PyObject* const held = lookup(group, kParams);
    if (!held || !PyList_Check(held)) return false;
    const py::object kept = borrow(held);
    PyObject* const params = kept.ptr();
    if (!read_number(lookup(group, kLr), o.lr, true) ||
        !read_number(lookup(group, kMomentum), o.momentum, false) ||
        !read_number(lookup(group, kDampening), o.dampening, false) ||
        !read_number(lookup(group, kWeightDecay), o.weight_decay, true) ||
        !read_flag(lookup(group, kNesterov), o.nesterov) || !read_flag(lookup(group, kMaximize), o.maximize))
      return false;
    options_.push_back(o);
    const uint32_t index = static_cast<uint32_t>(options_.size() - 1);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(params); ++i)
      if (!add_parameter(PyList_GET_ITEM(params, i), state, index)) return false;
    return true;
  }

  bool add_parameter(PyObject* object, PyObject* state, uint32_t group) {
    if (!is_tensor(object)) return false;
    const py::object kept = borrow(object);
    const Tensor p = as_tensor(object);
    const Tensor g = p->meta ? p->meta->grad : Tensor();
    if (!g) return true;
    if (!is_floating(p.dtype()) || g.dtype() != p.dtype() || !same(g.sizes(), p.sizes())) return false;
    if (!p.is_contiguous() && !is_dense(p.sizes(), p.strides())) return false;
    if (g->storage == p->storage) return false;
    const SgdOptions& o = options_[group];
    Update u{p, g, kept, Tensor(), Tensor(), false, group};
    u.exchanges = p->exchanges + g->exchanges;
    if (o.momentum != 0 && !find_buffer(state, object, p, u)) return false;
    if (p.dtype() == DType::Float32) {
      sgd_check<float>(o, u.first);
    } else {
      sgd_check<double>(o, u.first);
    }
    if (u.buffer) u.exchanges += u.buffer->exchanges;
    if (u.exchanges != u.count_exchanges()) return false;
    if (!same_layout(p, g)) {
      u.grad_copy = empty_strided(p.sizes(), p.strides(), p.dtype());
      copy_raw(u.grad_copy, g);
    }
    updates_.push_back(std::move(u));
    return true;
  }

  static bool find_buffer(PyObject* state, PyObject* object, const Tensor& p, Update& u) {
    PyObject* entry = PyDict_Check(state) ? lookup(state, object) : nullptr;
    if (entry && !PyDict_Check(entry)) return false;
    PyObject* held = entry ? lookup(entry, kBuffer) : nullptr;
    if (!held || held == Py_None) {
      u.first = true;
      return true;
    }
    if (!is_tensor(held)) return false;
    const Tensor& b = as_tensor(held);
    if (b.dtype() != p.dtype() || !same(b.sizes(), p.sizes()) || !same_layout(b, p) || b.requires_grad() ||
        b->storage == p->storage || b->storage == u.grad->storage)
      return false;
    u.buffer = b;
    return true;
  }

  // Whether an element could be written twice, or written and read by another update.
  bool shares_storage() const {
    // A handful of parameters is compared directly, many through a set.
    if (updates_.size() <= 8) {
      for (size_t i = 0; i < updates_.size(); ++i) {
        if (!updates_[i].param->numel) continue;
        for (size_t j = 0; j < updates_.size(); ++j) {
          const Storage* mine = updates_[i].param->storage;
          if (j != i && updates_[j].param->storage == mine) return true;
          if (updates_[j].grad->storage == mine) return true;
          if (updates_[j].buffer && updates_[j].buffer->storage == mine) return true;
          if (j != i && updates_[i].buffer && updates_[j].buffer &&
              updates_[i].buffer->storage == updates_[j].buffer->storage)
            return true;
        }
      }
      return false;
    }
    std::unordered_set<const Storage*> written;
    for (const Update& u : updates_) {
      if (!u.param->numel) continue;
      if (!written.insert(u.param->storage).second) return true;
      if (u.buffer && !written.insert(u.buffer->storage).second) return true;
    }
    for (const Update& u : updates_)
      if (u.param->numel && written.count(u.grad->storage)) return true;
    return false;
  }

  std::vector<SgdOptions> options_;
  std::vector<Update> updates_;
};

PyObject* sgd_step(PyObject*, PyObject* const* args, Py_ssize_t count) noexcept {
  return guarded([&]() -> PyObject* {
    if (count != 2)
      fail(ErrorKind::Type, "_sgd_step() takes 2 positional arguments but ", count, " were given");
    if (!PyList_Check(args[0])) Py_RETURN_FALSE;
    SgdStep step;
    if (!step.prepare(args[0], args[1])) Py_RETURN_FALSE;
    step.run();
    Py_RETURN_TRUE;
  });
}

PyObject* zero_grad(PyObject*, PyObject* const* args, Py_ssize_t count) noexcept {
  return guarded([&]() -> PyObject* {
    if (count != 2)
      fail(ErrorKind::Type, "_zero_grad() takes 2 positional arguments but ", count, " were given");
    const int to_none = PyObject_IsTrue(args[1]);
    if (to_none < 0) throw_python_error();
    const py::object groups = own(PySequence_Fast(args[0], "param_groups must be a list"));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(groups.ptr()); ++i) {
      const py::object params_of = borrow(PySequence_Fast_GET_ITEM(groups.ptr(), i));
      PyObject* held = PyDict_Check(params_of.ptr()) ? lookup(params_of.ptr(), kParams) : nullptr;
      const py::object params = held ? borrow(held) : own(PyObject_GetItem(params_of.ptr(), kParams));
      const py::object fast = own(PySequence_Fast(params.ptr(), "params must be a list"));
      for (Py_ssize_t j = 0; j < PySequence_Fast_GET_SIZE(fast.ptr()); ++j) {
        const py::object kept = borrow(PySequence_Fast_GET_ITEM(fast.ptr(), j));
        PyObject* const object = kept.ptr();
        if (!is_tensor(object))
          fail(ErrorKind::Type, "expected a Tensor, but got ", Py_TYPE(object)->tp_name);
        const Tensor& p = as_tensor(object);
        if (!p->meta || !p->meta->grad) continue;
        if (to_none) {
          p->meta->grad = Tensor();
          continue;
        }
        const Tensor g = p->meta->grad;
        if (grad_fn(g)) {
          detach_(g);
        } else {
          set_requires_grad(g, false);
        }
        fill_raw(g, Scalar(0));
        g->bump_version();
      }
    }
    Py_RETURN_NONE;
  });
}

PyMethodDef g_functions[] = {
    {"_sgd_step", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(sgd_step)), METH_FASTCALL,
     nullptr},
    {"_zero_grad", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(zero_grad)), METH_FASTCALL,
     nullptr},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

[[gnu::cold]] void init_optim(py::module_& m) {
  const auto intern = [](PyObject*& slot, const char* name) {
    slot = check(PyUnicode_InternFromString(name));
  };
  intern(kParams, "params");
  intern(kLr, "lr");
  intern(kMomentum, "momentum");
  intern(kDampening, "dampening");
  intern(kWeightDecay, "weight_decay");
  intern(kNesterov, "nesterov");
  intern(kMaximize, "maximize");
  intern(kBuffer, "momentum_buffer");
  check(PyModule_AddFunctions(m.ptr(), g_functions));
}

}  // namespace hinoko::bindings
