// The one argument parser. A function is a Def: a signature text per overload, such as
//   "sum(Tensor input, IntList[1] dim, bool keepdim=False, *, ScalarType dtype=None)"
// which drives parsing, error texts (torch's), documentation and the stub. Texts are compiled at the first
// call that needs them: calls that a Def's `fast` function takes never do.
//
// Types: Tensor, Number, TensorOrNumber, int, float, bool, IntList, IntList[1] (an int will do), IntList...
// (the ints may be given one by one), TensorList, ScalarType, Layout, Device, MemoryFormat, Generator, str,
// object. A parameter with "=None" may be None; "?" after a type allows None for one without a default.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bindings/python.h"

namespace hinoko::bindings {

// The arguments of one call in the order of the overload's parameters; null where not given or None.
struct Call {
  int overload;
  PyObject* const* values;
  const char* function;  // its name, for error texts
  PyObject* operator[](int i) const { return values[i]; }

  bool has(int i) const { return values[i] != nullptr; }
  const Tensor& tensor(int i) const { return as_tensor(values[i]); }
  Tensor tensor_or_null(int i) const { return values[i] ? as_tensor(values[i]) : Tensor(); }
  int64_t integer(int i, int64_t fallback = 0) const { return values[i] ? as_int(values[i]) : fallback; }
  double number(int i, double fallback = 0) const { return values[i] ? as_double(values[i]) : fallback; }
  Scalar scalar(int i, Scalar fallback = Scalar()) const {
    return values[i] ? as_scalar(values[i]) : fallback;
  }
  bool flag(int i, bool fallback = false) const { return values[i] ? values[i] == Py_True : fallback; }
  Dims dims(int i) const { return values[i] ? as_dims(values[i]) : Dims(); }
  std::optional<DType> dtype(int i) const {
    return values[i] ? std::optional(as_dtype(values[i])) : std::nullopt;
  }
  std::string text(int i) const;
};

using Handler = PyObject* (*)(const Call& call);
// The way around the parser for common calls: returns null with no error set when it does not take a call.
// `keywords` is null or a tuple of names, whose values follow the positional ones.
using Fast = PyObject* (*)(PyObject* const* args, Py_ssize_t count, PyObject* keywords);

enum Where : uint8_t { kFunction = 1, kMethod = 2, kBoth = 3 };

struct Def {
  const char* name;
  const char* signatures;  // overloads, one a line
  Handler handler;
  uint8_t where = kBoth;
  const char* doc = "";
  Fast fast = nullptr;
};

PyObject* invoke(const Def& def, PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords);

// Trampolines: a C function per entry of a table.
template <const auto& Table, size_t I>
PyObject* as_function(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  constexpr Fast fast = Table[I].fast;
  if constexpr (fast != nullptr) {
    if (PyObject* result = fast(args, count, keywords)) return result;
    if (PyErr_Occurred()) return nullptr;
  }
  return invoke(Table[I], nullptr, args, count, keywords);
}
template <const auto& Table, size_t I>
PyObject* as_method(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  constexpr Fast fast = Table[I].fast;
  if constexpr (fast != nullptr) {
    constexpr Py_ssize_t room = 6;
    const Py_ssize_t total = count + (keywords ? PyTuple_GET_SIZE(keywords) : 0);
    if (total <= room) {
      PyObject* all[room + 1] = {self};
      for (Py_ssize_t i = 0; i < total; ++i) all[i + 1] = args[i];
      if (PyObject* result = fast(all, count + 1, keywords)) return result;
      if (PyErr_Occurred()) return nullptr;
    }
  }
  return invoke(Table[I], self, args, count, keywords);
}

// All functions and methods of the library, for the module, the type, documentation and the stub.
struct Registry {
  std::vector<PyMethodDef>& functions;
  std::vector<PyMethodDef>& methods;
  std::vector<const Def*>& defs;

  template <const auto& Table>
  void add() {
    add_all<Table>(std::make_index_sequence<std::size(Table)>());
  }

 private:
  template <const auto& Table, size_t... I>
  [[gnu::cold]] void add_all(std::index_sequence<I...>) {
    (add_one<Table, I>(), ...);
  }
  template <const auto& Table, size_t I>
  [[gnu::cold]] void add_one() {
    constexpr int flags = METH_FASTCALL | METH_KEYWORDS;
    const Def& def = Table[I];
    defs.push_back(&def);
    const auto c_function = [](auto* f) {
      return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f));
    };
    if (def.where & kFunction)
      functions.push_back({def.name, c_function(&as_function<Table, I>), flags, def.doc});
    if (def.where & kMethod) methods.push_back({def.name, c_function(&as_method<Table, I>), flags, def.doc});
  }
};

// Families of functions, one file each.
void register_elementwise(Registry& r);
void register_creation(Registry& r);
void register_shape(Registry& r);
void register_reductions(Registry& r);
void register_tensor_methods(Registry& r);
void register_autograd(Registry& r);
void register_random(Registry& r);

// `out=`: writes `result` into it (resized if need be) as torch does and returns it; else wraps `result`.
PyObject* finish_out(Tensor&& result, PyObject* out, const char* function);

}  // namespace hinoko::bindings
