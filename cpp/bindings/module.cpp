// The extension module hinoko._C.
#include "base/blocks.h"
#include "base/parallel.h"
#include "base/pool.h"
#include "bindings/python.h"
#include "kernels/kernels.h"

namespace hinoko::bindings {

namespace {

void init_module(py::module_& m) {
  kernels::select();
  init_types(m);
  init_tensor_type(m);
  init_node_type(m);
  init_autograd(m);
  init_printing(m);
  init_random(m);
  init_optim(m);

  m.def("get_default_dtype", [] { return borrow(dtype_object(default_dtype())); });
  m.def("_set_default_dtype", [](const py::object& d) {
    if (!is_dtype(d.ptr()))
      fail(ErrorKind::Type,
           "invalid dtype object: only floating-point types are supported as the default type");
    if (!is_floating(as_dtype(d.ptr())))
      fail(ErrorKind::Type, "only floating-point types are supported as the default type");
    g_default_dtype = as_dtype(d.ptr());
  });
  m.def("_rebuild_tensor", [](const std::string& dtype, const py::tuple& sizes, const py::tuple& strides,
                              const py::bytes& data, bool requires_grad) {
    for (int i = 0; i < kNumDTypes; ++i) {
      const auto d = static_cast<DType>(i);
      if (dtype != dtype_name(d)) continue;
      const Dims shape = as_dims(sizes.ptr()), steps = as_dims(strides.ptr());
      const bool valid = shape.size() == steps.size() &&
                         std::all_of(steps.begin(), steps.end(), [](int64_t v) { return v >= 0; });
      if (!valid) throw py::value_error("the strides do not fit the shape");
      Tensor out = empty_strided(shape, steps, d);
      const std::string_view bytes = data;
      if (bytes.size() != out->storage->bytes) throw py::value_error("the data does not fit the shape");
      if (!bytes.empty()) std::memcpy(out.raw(), bytes.data(), bytes.size());
      if (requires_grad) set_requires_grad(out, true);
      return own(wrap(std::move(out)));
    }
    throw py::value_error("unknown dtype " + dtype);
  });
  m.def("result_type", [](const py::object& a, const py::object& b) {
    ResultType r;
    for (const py::object& o : {a, b}) {
      if (is_tensor(o.ptr())) {
        r.add(as_tensor(o.ptr()));
      } else if (is_number(o.ptr())) {
        r.add(as_scalar(o.ptr()));
      } else {
        fail(ErrorKind::Type, "result_type(): argument must be Tensor or Number, not ",
             Py_TYPE(o.ptr())->tp_name);
      }
    }
    return borrow(dtype_object(r.result()));
  });
  m.def("promote_types", [](const py::object& a, const py::object& b) {
    if (!is_dtype(a.ptr()) || !is_dtype(b.ptr()))
      fail(ErrorKind::Type, "promote_types(): arguments must be torch.dtype");
    return borrow(dtype_object(promote_types(as_dtype(a.ptr()), as_dtype(b.ptr()))));
  });
  m.def("can_cast", [](const py::object& from, const py::object& to) {
    if (!is_dtype(from.ptr()) || !is_dtype(to.ptr()))
      fail(ErrorKind::Type, "can_cast(): arguments must be torch.dtype");
    return can_cast(as_dtype(from.ptr()), as_dtype(to.ptr()));
  });
  m.def("_memory_stats", [] {
    const BlockStats blocks = block_stats();
    py::dict out;
    out["live_bytes"] = blocks.live_bytes;
    out["peak_bytes"] = blocks.peak_bytes;
    out["cached_bytes"] = blocks.cached_bytes;
    out["allocations"] = blocks.allocations;
    out["reused"] = blocks.reused;
    out["small_blocks"] = g_pool.live_blocks;
    out["small_bytes"] = g_pool.slab_bytes;
    return out;
  });
  m.def("_empty_cache", [] { block_trim(); });
  m.def("_num_threads", [] { return num_threads(); });
  m.def("_set_num_threads", [](int count) { set_num_threads(count); });
  m.def("_cpu_capability", [] { return kernels::capability_name(kernels::active_capability()); });
  m.attr("_version") = HINOKO_VERSION;
}

}  // namespace

}  // namespace hinoko::bindings

PYBIND11_MODULE(_C, m) {
  // The library's errors keep their kind in pybind11's functions, too.
  pybind11::register_local_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const hinoko::Error&) {
      hinoko::bindings::set_python_error();
    } catch (const hinoko::ForeignError&) {
      hinoko::bindings::set_python_error();
    }
  });
  hinoko::bindings::init_module(m);
}
