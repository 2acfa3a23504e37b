// Python callables as the engine's hooks, and the handle that removes one.
#pragma once

#include "bindings/python.h"

namespace hinoko::bindings {

// A callable that can be taken out: the entry in the graph stays, but does nothing.
struct Removable {
  py::object function;
  void remove() { function = py::object(); }
};

struct PythonHook final : Hook, Removable {
  explicit PythonHook(PyObject* f) : Removable{borrow(f)} {}
  Tensor call(const Tensor& grad) override;
};

struct PythonNodeHook final : NodeHook, Removable {
  explicit PythonNodeHook(PyObject* f) : Removable{borrow(f)} {}
  void call(std::vector<Tensor>& gradients, std::vector<Tensor>* results) override;
};

struct Metadata final : NodeNotes {
  py::dict dict;
};

// A torch.utils.hooks.RemovableHandle for `hook`. New reference.
PyObject* removable_handle(const std::shared_ptr<Removable>& hook);

}  // namespace hinoko::bindings
