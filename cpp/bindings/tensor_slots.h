// The pieces of the Tensor type that live in other files.
#pragma once

#include <vector>

#include "bindings/python.h"

namespace hinoko::bindings {

PyGetSetDef* tensor_getset();                              // properties.cpp
void add_operator_slots(std::vector<PyType_Slot>& slots);  // operators.cpp

}  // namespace hinoko::bindings
