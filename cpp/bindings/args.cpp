#include "bindings/args.h"

#include <map>
#include <memory>

namespace hinoko::bindings {

namespace {

enum class Kind : uint8_t {
  Tensor,
  Number,
  TensorOrNumber,
  Int,
  Float,
  Bool,
  IntList,
  TensorList,
  ScalarType,
  Layout,
  Device,
  MemoryFormat,
  Generator,
  Str,
  Object
};

struct Parameter {
  PyObject* name;  // interned
  std::string type_text, name_text, default_text;
  Kind kind = Kind::Object;
  bool one_will_do = false;  // IntList[1]
  bool spread = false;       // IntList...
  bool optional = false, nullable = false, keyword_only = false;
};

struct Overload {
  std::vector<Parameter> parameters;
  int positional = 0;
};

struct Compiled {
  std::vector<Overload> overloads;
};

std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\n')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\n')) s.remove_suffix(1);
  return s;
}

Kind kind_of(std::string_view type) {
  static constexpr std::pair<std::string_view, Kind> kinds[] = {{"Tensor", Kind::Tensor},
                                                                {"Number", Kind::Number},
                                                                {"TensorOrNumber", Kind::TensorOrNumber},
                                                                {"int", Kind::Int},
                                                                {"float", Kind::Float},
                                                                {"bool", Kind::Bool},
                                                                {"IntList", Kind::IntList},
                                                                {"TensorList", Kind::TensorList},
                                                                {"ScalarType", Kind::ScalarType},
                                                                {"Layout", Kind::Layout},
                                                                {"Device", Kind::Device},
                                                                {"MemoryFormat", Kind::MemoryFormat},
                                                                {"Generator", Kind::Generator},
                                                                {"str", Kind::Str},
                                                                {"object", Kind::Object}};
  for (const auto& [text, kind] : kinds)
    if (text == type) return kind;
  throw std::logic_error("unknown type in a signature: " + std::string(type));
}

// torch's word for a type in its error texts.
const char* word(const Parameter& p) {
  switch (p.kind) {
    case Kind::Tensor:
    case Kind::TensorOrNumber:
      return "Tensor";
    case Kind::Number:
      return "Number";
    case Kind::Int:
      return "int";
    case Kind::Float:
      return "float";
    case Kind::Bool:
      return "bool";
    case Kind::IntList:
      return "tuple of ints";
    case Kind::TensorList:
      return "tuple of Tensors";
    case Kind::ScalarType:
      return "torch.dtype";
    case Kind::Layout:
      return "torch.layout";
    case Kind::Device:
      return "torch.device";
    case Kind::MemoryFormat:
      return "torch.memory_format";
    case Kind::Generator:
      return "torch.Generator";
    case Kind::Str:
      return "str";
    case Kind::Object:
      return "object";
  }
  return "";
}

Overload compile_overload(std::string_view text) {
  Overload out;
  const size_t open = text.find('('), close = text.rfind(')');
  std::string_view rest = text.substr(open + 1, close - open - 1);
  bool keyword_only = false;
  while (!trim(rest).empty()) {
    size_t comma = 0;
    for (int depth = 0; comma < rest.size() && (rest[comma] != ',' || depth); ++comma) {
      if (rest[comma] == '(' || rest[comma] == '[') ++depth;
      if (rest[comma] == ')' || rest[comma] == ']') --depth;
    }
    std::string_view item = trim(rest.substr(0, comma));
    rest = comma < rest.size() ? rest.substr(comma + 1) : std::string_view();
    if (item == "*") {
      keyword_only = true;
      continue;
    }
    Parameter p;
    p.keyword_only = keyword_only;
    if (const size_t equals = item.find('='); equals != std::string_view::npos) {
      p.default_text = item.substr(equals + 1);
      p.optional = true;
      p.nullable = p.default_text == "None";
      item = item.substr(0, equals);
    }
    const size_t space = item.find(' ');
    std::string_view type = item.substr(0, space);
    p.name_text = item.substr(space + 1);
    p.name = PyUnicode_InternFromString(p.name_text.c_str());
    if (type.ends_with("...")) {
      p.spread = true;
      type.remove_suffix(3);
    }
    if (type.ends_with('?')) {
      p.nullable = true;
      type.remove_suffix(1);
    }
    if (type.ends_with("[1]")) {
      p.one_will_do = true;
      type.remove_suffix(3);
    }
    p.kind = kind_of(type);
    if (!keyword_only) ++out.positional;
    out.parameters.push_back(std::move(p));
  }
  return out;
}

const Compiled& compiled(const Def& def) {
  static auto* cache = new std::map<const Def*, std::unique_ptr<Compiled>>;
  auto& entry = (*cache)[&def];
  if (!entry) {
    entry = std::make_unique<Compiled>();
    std::string_view text = def.signatures;
    while (!text.empty()) {
      const size_t end = text.find('\n');
      entry->overloads.push_back(compile_overload(text.substr(0, end)));
      text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
  }
  return *entry;
}

bool fits(const Parameter& p, PyObject* o) {
  if (o == Py_None) return p.nullable || p.kind == Kind::Object;
  switch (p.kind) {
    case Kind::Tensor:
      return is_tensor(o);
    case Kind::TensorOrNumber:
      return is_tensor(o) || is_number(o);
    case Kind::Number:
      return is_number(o) || (is_tensor(o) && as_tensor(o).ndim() == 0 && !as_tensor(o).requires_grad());
    case Kind::Int:
      return is_int(o);
    case Kind::Float:
      return is_number(o) && !PyBool_Check(o);
    case Kind::Bool:
      return PyBool_Check(o);
    case Kind::IntList:
      return is_int_sequence(o) || ((p.one_will_do || p.spread) && is_int(o));
    case Kind::TensorList: {
      if (!PyTuple_Check(o) && !PyList_Check(o)) return false;
      return true;
    }
    case Kind::ScalarType:
      return is_dtype(o);
    case Kind::Layout:
      return is_layout(o);
    case Kind::Device:
      return is_device(o) || PyUnicode_Check(o);
    case Kind::MemoryFormat:
      return is_memory_format(o);
    case Kind::Generator:
      return true;  // checked by whoever uses it
    case Kind::Str:
      return PyUnicode_Check(o);
    case Kind::Object:
      return true;
  }
  return false;
}

// numpy's spellings that torch takes as well.
const char* numpy_name(std::string_view name) {
  if (name == "dim") return "axis";
  if (name == "keepdim") return "keepdims";
  if (name == "input") return "x";
  if (name == "other") return "x2";
  return nullptr;
}

struct Attempt {
  std::vector<PyObject*> values;
  py::object spread;  // a tuple of ints given one by one
  std::string error;  // why this overload does not fit, as torch says it for a function with one overload
};

std::string type_word(PyObject* o) {
  if (is_tensor(o)) return "Tensor";
  if (is_dtype(o)) return "torch.dtype";
  const char* name = Py_TYPE(o)->tp_name;
  const char* dot = std::strrchr(name, '.');
  if (std::strncmp(name, "numpy.", 6) == 0) return name;
  return dot ? dot + 1 : name;
}

// Binds the arguments to `overload`; an empty error means success.
Attempt bind(const Def& def, const Overload& overload, PyObject* self, PyObject* const* args,
             Py_ssize_t count, PyObject* keywords) {
  Attempt out;
  const auto& parameters = overload.parameters;
  out.values.assign(std::max<size_t>(parameters.size(), 16),
                    nullptr);  // handlers may ask for what an overload lacks
  size_t next = 0;
  if (self) out.values[next++] = self;
  const size_t first_argument = next;
  const size_t positional = static_cast<size_t>(overload.positional);
  const Py_ssize_t keyword_count = keywords ? PyTuple_GET_SIZE(keywords) : 0;

  const auto place = [&](size_t i, PyObject* value, bool by_keyword) {
    const Parameter& p = parameters[i];
    if (!fits(p, value)) {
      const std::string where =
          by_keyword || p.keyword_only ? std::string() : cat(" (position ", i - first_argument + 1, ")");
      if (p.kind == Kind::IntList && (PyTuple_Check(value) || PyList_Check(value)) && !is_tensor(value)) {
        const Py_ssize_t n = PySequence_Size(value);
        for (Py_ssize_t k = 0; k < n; ++k) {
          const py::object item = own(PySequence_GetItem(value, k));
          if (!is_int(item.ptr())) {
            out.error =
                cat(def.name, "(): argument '", p.name_text, "' failed to unpack the object at pos ", k + 1,
                    " with error \"type must be tuple of ints,but got ", type_word(item.ptr()), "\"");
            return false;
          }
        }
      }
      out.error = cat(def.name, "(): argument '", p.name_text, "'", where, " must be ", word(p), ", not ",
                      type_word(value));
      return false;
    }
    if (p.kind == Kind::IntList && !is_tensor(value) && (PyTuple_Check(value) || PyList_Check(value))) {
      for (Py_ssize_t k = 0; k < PySequence_Size(value); ++k) {
        const py::object item = own(PySequence_GetItem(value, k));
        int overflow = 0;
        if (PyLong_Check(item.ptr())) (void)PyLong_AsLongLongAndOverflow(item.ptr(), &overflow);
        if (overflow) {
          out.error = cat(def.name, "(): argument '", p.name_text, "' failed to unpack the object at pos ",
                          k + 1, " with error \"Overflow when unpacking long long\"");
          return false;
        }
      }
    }
    if (value != Py_None) out.values[i] = value;
    return true;
  };

  Py_ssize_t used = 0;
  for (; used < count; ++used) {
    // `view(2, 3)`: the ints of a spread list come one by one.
    if (next < positional && parameters[next].spread && (is_int(args[used]) || count - used > 1) &&
        !PyTuple_Check(args[used]) && !PyList_Check(args[used])) {
      out.spread = own(PyTuple_New(count - used));
      for (Py_ssize_t k = 0; used + k < count; ++k) {
        Py_INCREF(args[used + k]);
        PyTuple_SET_ITEM(out.spread.ptr(), k, args[used + k]);
      }
      if (!is_int(args[used])) {
        out.error = cat(def.name, "(): argument '", parameters[next].name_text, "' (position ",
                        next - first_argument + 1, ") must be tuple of ints, not ", type_word(args[used]));
        return out;
      }
      if (!place(next, out.spread.ptr(), false)) return out;
      ++next;
      used = count;
      break;
    }
    if (next >= positional) {
      const size_t takes = positional - first_argument;
      out.error = cat(def.name, "() takes ", takes, " positional argument", takes == 1 ? "" : "s", " but ",
                      count, count == 1 ? " was given" : " were given");
      return out;
    }
    if (!place(next, args[used], false)) return out;
    ++next;
  }
  for (Py_ssize_t k = 0; k < keyword_count; ++k) {
    PyObject* name = PyTuple_GET_ITEM(keywords, k);
    size_t found = parameters.size();
    for (size_t i = 0; i < parameters.size() && found == parameters.size(); ++i)
      if (parameters[i].name == name) found = i;
    for (size_t i = 0; i < parameters.size() && found == parameters.size(); ++i) {
      const char* other = numpy_name(parameters[i].name_text);
      if (PyUnicode_CompareWithASCIIString(name, parameters[i].name_text.c_str()) == 0 ||
          (other && PyUnicode_CompareWithASCIIString(name, other) == 0))
        found = i;
    }
    const std::string text = py::str(name);
    if (found == parameters.size() || (self && (found == 0 || parameters[found].name_text == "out"))) {
      out.error = cat(def.name, "() got an unexpected keyword argument '", text, "'");
      return out;
    }
    if (found < next) {
      out.error = cat(def.name, "() got multiple values for argument '", text, "'");
      return out;
    }
    if (!place(found, args[count + k], true)) return out;
    if (args[count + k] == Py_None) continue;
  }
  std::string missing;
  int missing_count = 0;
  for (size_t i = next; i < parameters.size(); ++i) {
    const Parameter& p = parameters[i];
    if (p.optional || out.values[i]) continue;
    bool given = false;
    for (Py_ssize_t k = 0; k < keyword_count; ++k)
      given |= PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(keywords, k), p.name_text.c_str()) == 0;
    if (given) continue;
    missing += cat(missing_count++ ? ", " : "", "\"", p.name_text, "\"");
  }
  if (missing_count)
    out.error = cat(def.name, "() missing ", missing_count, " required positional arguments: ", missing);
  return out;
}

[[noreturn, gnu::cold]] void no_overload_fits(const Def& def, const Compiled& c, bool method,
                                              PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  std::string text = cat(def.name, "() received an invalid combination of arguments - got (");
  for (Py_ssize_t i = 0; i < count; ++i) text += cat(i ? ", " : "", type_word(args[i]));
  const Py_ssize_t keyword_count = keywords ? PyTuple_GET_SIZE(keywords) : 0;
  for (Py_ssize_t k = 0; k < keyword_count; ++k)
    text += cat(count + k ? ", " : "", std::string(py::str(PyTuple_GET_ITEM(keywords, k))), "=",
                type_word(args[count + k]));
  if (keyword_count) text += ", ";
  text += "), but expected one of:\n";
  for (const Overload& o : c.overloads) {
    text += " * (";
    bool star = false, first = true;
    for (size_t i = method ? 1 : 0; i < o.parameters.size(); ++i) {
      const Parameter& p = o.parameters[i];
      if (method && p.name_text == "out") continue;
      if (!first) text += ", ";
      first = false;
      if (p.keyword_only && !star) text += "*, ", star = true;
      text += cat(word(p), " ", p.name_text);
      if (p.optional) text += cat(" = ", p.default_text);
    }
    text += ")\n";
  }
  fail(ErrorKind::Type, text);
}

}  // namespace

namespace {
std::pair<size_t, size_t> argument_counts(const Overload& overload, bool method) {
  size_t least = 0, most = 0;
  for (size_t i = method ? 1 : 0; i < overload.parameters.size(); ++i) {
    const Parameter& p = overload.parameters[i];
    if (method && p.name_text == "out") continue;
    ++most;
    if (!p.optional) ++least;
  }
  return {least, most};
}
}  // namespace

std::string Call::text(int i) const { return py::str(py::handle(values[i])); }

PyObject* invoke(const Def& def, PyObject* self, PyObject* const* args, Py_ssize_t count,
                 PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    const Compiled& c = compiled(def);
    const bool method = self != nullptr;
    // The error of the only overload that takes that many arguments is the one to tell.
    std::string first_error;
    int plausible = 0;
    const size_t given = static_cast<size_t>(count + (keywords ? PyTuple_GET_SIZE(keywords) : 0));
    for (size_t i = 0; i < c.overloads.size(); ++i) {
      const Attempt attempt = bind(def, c.overloads[i], self, args, count, keywords);
      if (attempt.error.empty()) {
        PyObject* result = def.handler(Call{static_cast<int>(i), attempt.values.data(), def.name});
        return result;
      }
      const auto [least, most] = argument_counts(c.overloads[i], method);
      const bool takes = given >= least && given <= most;
      if (takes) ++plausible;
      if (i == 0 || (takes && plausible == 1)) first_error = attempt.error;
    }
    if (c.overloads.size() == 1 || plausible == 1) fail(ErrorKind::Type, first_error);
    no_overload_fits(def, c, method, args, count, keywords);
  });
}

namespace {

// The operation behind an alias, which error texts name.
std::string_view torch_name(std::string_view function) {
  constexpr std::pair<std::string_view, std::string_view> aliases[] = {
      {"subtract", "sub"}, {"multiply", "mul"}, {"divide", "div"},  {"true_divide", "div"},
      {"negative", "neg"}, {"absolute", "abs"}, {"square", "pow"},  {"concat", "cat"},
      {"arcsin", "asin"},  {"arccos", "acos"},  {"arctan", "atan"},
  };
  for (const auto& [alias, name] : aliases)
    if (alias == function) return name;
  return function;
}

}  // namespace

PyObject* finish_out(Tensor&& result, PyObject* out, const char* function) {
  if (!out) return wrap(std::move(result));
  const Tensor& target = as_tensor(out);
  if (grad_enabled() && (target.requires_grad() || result.requires_grad()))
    fail(torch_name(function),
         "(): functions with out=... arguments don't support automatic differentiation, but one of the "
         "arguments requires grad.");
  if (!can_cast(result.dtype(), target.dtype()))
    fail("result type ", dtype_scalar_name(result.dtype()), " can't be cast to the desired output type ",
         dtype_scalar_name(target.dtype()));
  if (!same(result.sizes(), target.sizes())) {
    if (target.numel() != 0)
      check(PyErr_WarnFormat(
          PyExc_UserWarning, 1,
          "An output with one or more elements was resized since it had shape %s, which does not match the "
          "required output shape %s. This behavior is deprecated, and in a future PyTorch release outputs "
          "will "
          "not be resized unless they have zero elements. You can explicitly reuse an out tensor t by "
          "resizing "
          "it, inplace, to zero elements with t.resize_(0).",
          cat(target.sizes()).c_str(), cat(result.sizes()).c_str()));
    const Tensor resized =
        result.dtype() == target.dtype() ? clone_raw(result) : cast_raw(result, target.dtype());
    set_data(*target, resized);
  } else {
    copy_raw(target, result);
  }
  target->bump_version();
  Py_INCREF(out);
  return out;
}

}  // namespace hinoko::bindings
