// Generators and the functions that draw from them.
#include "kernels/random.h"

#include "bindings/args.h"

namespace hinoko::bindings {

namespace {

Generator* g_default = nullptr;
PyTypeObject* g_generator_type = nullptr;

Generator& generator_of(PyObject* o) {
  if (!o) return *g_default;
  if (Py_TYPE(o) != g_generator_type)
    fail(ErrorKind::Type, "argument 'generator' must be torch.Generator, not ", Py_TYPE(o)->tp_name);
  return py::cast<Generator&>(py::handle(o));
}

uint64_t seed_value(const py::object& o) {
  const py::object number = py::isinstance<py::int_>(o) ? o : own(PyNumber_Long(o.ptr()));
  int overflow = 0;
  const long long v = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
  if (!overflow) return static_cast<uint64_t>(v);
  const unsigned long long u = overflow > 0 ? PyLong_AsUnsignedLongLong(number.ptr()) : 0;
  if (overflow < 0 || PyErr_Occurred()) {
    PyErr_Clear();
    fail(ErrorKind::Value, "Overflow when unpacking long long");
  }
  return u;
}

enum class Law { Uniform, Normal };

void draw(const Tensor& out, Law law, Generator& generator, double a, double b) {
  if (!is_floating(out.dtype())) {
    if (law == Law::Normal)
      fail(ErrorKind::NotImplemented, "\"normal_kernel_cpu\" not implemented for '",
           dtype_scalar_name(out.dtype()), "'");
    fail(ErrorKind::NotImplemented, "\"check_uniform_bounds\" not implemented for '",
         dtype_scalar_name(out.dtype()), "'");
  }
  // The order of drawing is the order in memory: what is not contiguous is drawn apart and laid out so.
  const bool direct = out.is_contiguous();
  Dims order, sizes, strides;
  for (int i = 0; i < out.ndim(); ++i) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](int64_t x, int64_t y) {
    return out.stride(static_cast<int>(x)) > out.stride(static_cast<int>(y));
  });
  for (const int64_t i : order) {
    sizes.push_back(out.size(static_cast<int>(i)));
    strides.push_back(out.stride(static_cast<int>(i)));
  }
  const Tensor dense = direct ? out : empty(sizes, out.dtype());
  dispatch(out.dtype(), [&]<class T>(TypeTag<T>) {
    if constexpr (std::is_floating_point_v<T>) {
      if (law == Law::Normal) {
        fill_normal(generator, dense.data<T>(), dense.numel(), a, b, direct);
      } else {
        fill_uniform(generator, dense.data<T>(), dense.numel(), a, b);
      }
    }
  });
  if (!direct) copy_raw(alias(out, sizes, strides, out.raw()), dense);
}

// rand(size..., generator, out, dtype, layout, device, pin_memory, requires_grad)
template <Law L>
PyObject* random_sizes(const Call& c) {
  check_device(c[5]);
  const Dims sizes = c.dims(0);
  for (const int64_t s : sizes)
    if (s < 0) fail("Trying to create tensor with negative dimension ", s, ": ", sizes.span());
  Tensor out = empty(sizes, c.dtype(3).value_or(c.has(2) ? c.tensor(2).dtype() : default_dtype()));
  draw(out, L, generator_of(c[1]), 0, 1);
  if (c.has(2)) return finish_out(std::move(out), c[2], L == Law::Normal ? "randn" : "rand");
  if (c.flag(7)) ask_for_grad(out);
  return wrap(std::move(out));
}
template <Law L>
PyObject* random_like(const Call& c) {
  check_device(c[3]);
  Tensor out = empty_like(c.tensor(0), c.dtype(1));
  draw(out, L, *g_default, 0, 1);
  if (c.flag(5)) ask_for_grad(out);
  return wrap(std::move(out));
}
template <Law L>
PyObject* draw_inplace(const Call& c) {
  const Tensor& t = c.tensor(0);
  const double a = c.number(1, 0), b = c.number(2, 1);
  if (L == Law::Uniform && a > b)
    fail("uniform_ expects to return a [from, to) range, but found from=", a, " > to=", b);
  if (L == Law::Normal && !(b >= 0)) fail("normal expects std >= 0.0, but found std ", b);
  const bool recorded = needs_grad(t);
  check_inplace(t, recorded);
  draw(t, L, generator_of(c[3]), a, b);
  if (recorded) {
    zero_history(t, L == Law::Normal ? "NormalBackward0" : "UniformBackward0");
  } else {
    finish_inplace(t, nullptr);
  }
  Py_INCREF(c[0]);
  return c[0];
}

#define HINOKO_RANDOM_OPTIONS                                                                        \
  "*, Generator generator=None, Tensor out=None, ScalarType dtype=None, Layout layout=None, Device " \
  "device=None, bool pin_memory=False, bool requires_grad=False"
#define HINOKO_RANDOM_LIKE                                                                         \
  "*, ScalarType dtype=None, Layout layout=None, Device device=None, bool pin_memory=False, bool " \
  "requires_grad=False, MemoryFormat memory_format=None"

constexpr Def kRandom[] = {
    {"rand", "rand(IntList... size, " HINOKO_RANDOM_OPTIONS ")", random_sizes<Law::Uniform>, kFunction,
     "Uniform numbers in [0, 1)."},
    {"randn", "randn(IntList... size, " HINOKO_RANDOM_OPTIONS ")", random_sizes<Law::Normal>, kFunction,
     "Normal numbers of mean 0 and deviation 1."},
    {"rand_like", "rand_like(Tensor input, " HINOKO_RANDOM_LIKE ")", random_like<Law::Uniform>, kFunction,
     "rand in input's shape and dtype."},
    {"randn_like", "randn_like(Tensor input, " HINOKO_RANDOM_LIKE ")", random_like<Law::Normal>, kFunction,
     "randn in input's shape and dtype."},
    {"uniform_", "uniform_(Tensor input, float from=0, float to=1, *, Generator generator=None)",
     draw_inplace<Law::Uniform>, kMethod, "Fills with uniform numbers in [from, to)."},
    {"normal_", "normal_(Tensor input, float mean=0, float std=1, *, Generator generator=None)",
     draw_inplace<Law::Normal>, kMethod, "Fills with normal numbers."},
};

}  // namespace

void register_random(Registry& r) { r.add<kRandom>(); }

void init_random(py::module_& m) {
  py::class_<Generator> cls(m, "Generator",
                            "A source of random numbers: torch's CPU generator, bit for bit.");
  cls.attr("__module__") = "torch";
  g_generator_type = reinterpret_cast<PyTypeObject*>(cls.ptr());
  const auto state = [](const Generator& g) {
    std::string bytes(Generator::kStateBytes, '\0');
    g.get_state(std::span<uint8_t, Generator::kStateBytes>(reinterpret_cast<uint8_t*>(bytes.data()),
                                                           Generator::kStateBytes));
    return py::bytes(bytes);
  };
  cls.def(py::init([](const py::object& device) {
            check_device(device.ptr());
            return Generator();
          }),
          py::arg("device") = py::none())
      .def(
          "manual_seed",
          [](py::object self, const py::object& seed) {
            self.cast<Generator&>().manual_seed(seed_value(seed));
            return self;
          },
          py::arg("seed"))
      .def("initial_seed", &Generator::initial_seed)
      .def("seed", &Generator::seed)
      .def("_get_state", state)
      .def("_set_state",
           [](Generator& g, const py::bytes& bytes) {
             const std::string_view text = bytes;
             g.set_state({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
           })
      .def_property_readonly("device", [](const Generator&) { return borrow(cpu_device()); })
      .def("__repr__", [](py::object self) {
        return cat("<torch._C.Generator object at ",
                   std::string(py::str(
                       py::module_::import("builtins").attr("hex")(reinterpret_cast<uintptr_t>(self.ptr())))),
                   ">");
      });
  py::object global = py::cast(Generator());
  g_default = &global.cast<Generator&>();
  g_default->seed();
  m.attr("default_generator") = global;
}

}  // namespace hinoko::bindings
