// Sums and means, of everything or along dimensions, and their derivatives.
#include <cstring>

#include "autograd/engine.h"
#include "kernels/kernels.h"
#include "ops/ops.h"
#include "ops/reduction.h"

namespace hinoko {

namespace {

Tensor sum_raw(const Tensor& t, DimMask mask, bool keepdim, DType dtype) {
  if (is_floating(dtype)) {
    const Tensor in = cast_raw(t, dtype);
    Tensor out = empty(reduced_sizes(in, mask, keepdim), dtype);
    std::memset(out.raw(), 0, static_cast<size_t>(out.numel()) * item_size(dtype));
    reduce_into(kernels::reduce.sum[static_cast<size_t>(dtype)], out, in, mask);
    return out;
  }
  const Tensor in = dtype == DType::Bool || is_floating(t.dtype()) ? cast_raw(t, dtype) : t;
  Tensor out = empty(reduced_sizes(in, mask, keepdim), DType::Int64);
  std::memset(out.raw(), 0, static_cast<size_t>(out.numel()) * sizeof(int64_t));
  reduce_into(kernels::reduce.sum[static_cast<size_t>(in.dtype())], out, in, mask);
  return cast_raw(out, dtype);
}

// A float tensor of one element in 0 or 1 dimensions, all reduced: nothing to plan.
bool is_one_number(const Tensor& t, std::optional<DType> dtype) {
  return is_scalar_like(t) && is_floating(t.dtype()) && (!dtype || *dtype == t.dtype());
}
Tensor one_number(const Tensor& t) {
  Tensor out = Tensor::steal(empty_scalar(t.dtype(), 0));
  if (t.dtype() == DType::Float32) {
    *out.data<float>() = *t.data<float>() + 0.0F;  // the sum of -0 is 0
  } else {
    *out.data<double>() = *t.data<double>() + 0.0;
  }
  return out;
}

// ---- gradients ----

// What a reduction needs to know of its input to spread a gradient over it.
struct Spread {
  Dims sizes;
  DimMask mask;
  DType dtype;
  bool keepdim;
  Spread(const Tensor& t, DimMask m, bool k) : sizes(t.sizes()), mask(m), dtype(t.dtype()), keepdim(k) {}

  bool squeezed() const { return mask != kAllDims && !keepdim && !sizes.empty(); }
  // The gradient of a sum: g at every element.
  Tensor expanded(const Tensor& g) const {
    if (grad_enabled()) {
      Tensor out = g;
      if (squeezed())
        for (int64_t d = 0; d < sizes.size(); ++d)
          if (mask >> d & 1) out = unsqueeze(out, d);
      return expand(out, sizes);
    }
    // The strides that unsqueeze and expand would give.
    Dims strides(sizes.size());
    int from = 0;
    for (int64_t d = 0; d < sizes.size() && (squeezed() || g.ndim() > 0); ++d) {
      const bool here = !squeezed() || !(mask >> d & 1);  // the dimension is one of g, too
      if (here) {
        strides[d] = g.size(from) == sizes[d] ? g.stride(from) : 0;
        ++from;
      } else if (sizes[d] == 1) {
        strides[d] = from < g.ndim() ? g.size(from) * g.stride(from) : 1;
      }
    }
    return alias(g, sizes, strides, g.raw());
  }
};

struct SumNode final : NodeOf<1> {
  SumNode(const Tensor& t, DimMask mask, bool keepdim, const char* n) : spread(t, mask, keepdim), title(n) {}
  const char* name() const override { return title; }
  void backward(Tensor g, Sweep& sweep) override {
    if (!sweep.needs(*this, 0)) return;
    // Of a 0-d tensor the gradient is g itself.
    Tensor out = spread.sizes.empty() && !grad_enabled() && g.ndim() == 0 ? std::move(g) : spread.expanded(g);
    if (out.dtype() != spread.dtype) out = to_dtype(out, spread.dtype);
    sweep.send(*this, 0, std::move(out));
  }
  Spread spread;
  const char* title;
};

Tensor divide_by_count(const Tensor& g, int64_t count);

struct DivideByCountNode final : NodeOf<1> {
  explicit DivideByCountNode(int64_t n) : count(n) {}
  const char* name() const override { return "DivBackward1"; }
  void backward(Tensor g, Sweep& sweep) override { sweep.send(*this, 0, divide_by_count(g, count)); }
  int64_t count;
};

void divide_into(const Tensor& out, const Tensor& g, int64_t count) {
  const Number n(Scalar(static_cast<double>(count)), g.dtype());
  run_loop(kernels::pick(kernels::binary[static_cast<int>(BinaryId::div)], g.dtype()), out, {g, n});
}

Tensor divide_by_count(const Tensor& g, int64_t count) {
  Tensor out = empty_like_operands(g.sizes(), g.dtype(), {g});
  divide_into(out, g, count);
  if (needs_grad(g)) record(out, new DivideByCountNode(count), g);
  return out;
}

struct MeanNode final : NodeOf<1> {
  MeanNode(const Tensor& t, DimMask mask, bool keepdim, int64_t n, const char* name_)
      : spread(t, mask, keepdim), count(n), title(name_) {}
  const char* name() const override { return title; }
  void backward(Tensor g, Sweep& sweep) override {
    if (!sweep.needs(*this, 0)) return;
    Tensor out;
    if (!grad_enabled() && g.numel() == 1) {
      const Tensor one = Tensor::steal(empty_scalar(g.dtype(), 0));
      divide_into(one, g, count);
      if (spread.sizes.empty()) {
        out = one;
      } else if (const Node* next = edges()[0].fn; next->spends_gradient() && !next->extra_or_null() &&
                                                   !extra_or_null() && !sweep.restricted()) {
        out = spread.expanded(one);
      } else {  // torch's has an element for each, and users may see it
        out = empty(spread.sizes, g.dtype());
        copy_raw(out, one);
      }
    } else {
      out = divide_by_count(spread.expanded(g), count);
    }
    if (out.dtype() != spread.dtype) out = to_dtype(out, spread.dtype);
    sweep.send(*this, 0, std::move(out));
  }
  Spread spread;
  int64_t count;
  const char* title;
};

// ---- sum and mean ----

DType sum_dtype(const Tensor& t, std::optional<DType> dtype) {
  return dtype ? *dtype : is_floating(t.dtype()) ? t.dtype() : DType::Int64;
}

Tensor sum_over(const Tensor& t, DimMask mask, bool keepdim, std::optional<DType> dtype, const char* name) {
  const DType result = sum_dtype(t, dtype);
  if (!is_floating(result) && needs_grad(t)) fail("Autograd not support dtype: ", dtype_scalar_name(result));
  Tensor out = sum_raw(t, mask, keepdim, result);
  if (needs_grad(t)) record(out, new SumNode(t, mask, keepdim, name), t);
  return out;
}

Tensor mean_over(const Tensor& t, DimMask mask, bool keepdim, std::optional<DType> dtype, const char* name) {
  const DType compute = dtype ? *dtype : t.dtype();
  if (!is_floating(compute))
    fail("mean(): could not infer output dtype. ", dtype ? "Optional" : "Input",
         " dtype must be either a floating point or complex dtype. Got: ", dtype_scalar_name(compute));
  int64_t count = 1;
  for (int i = 0; i < t.ndim(); ++i)
    if (mask >> i & 1) count *= t.size(i);
  Tensor out = sum_raw(t, mask, keepdim, compute);
  divide_into(out, out, count);
  if (needs_grad(t)) record(out, new MeanNode(t, mask, keepdim, count, name), t);
  return out;
}

}  // namespace

Tensor sum(const Tensor& t, std::optional<DType> dtype) {
  if (!is_one_number(t, dtype)) return sum_over(t, kAllDims, false, dtype, "SumBackward0");
  Tensor out = one_number(t);
  if (needs_grad(t)) record(out, new SumNode(t, kAllDims, false, "SumBackward0"), t);
  return out;
}

Tensor sum(const Tensor& t, DimSpan dims, bool keepdim, std::optional<DType> dtype) {
  return sum_over(t, dim_mask(t, dims), keepdim, dtype, "SumBackward1");
}

Tensor mean(const Tensor& t, std::optional<DType> dtype) {
  if (!is_one_number(t, dtype)) return mean_over(t, kAllDims, false, dtype, "MeanBackward0");
  Tensor out = one_number(t);
  if (needs_grad(t)) record(out, new MeanNode(t, kAllDims, false, 1, "MeanBackward0"), t);
  return out;
}

Tensor mean(const Tensor& t, DimSpan dims, bool keepdim, std::optional<DType> dtype) {
  return mean_over(t, dim_mask(t, dims), keepdim, dtype, "MeanBackward1");
}

Tensor sum_to_size(const Tensor& t, DimSpan sizes) {
  if (same(t.sizes(), sizes)) return t;
  const int lead = t.ndim() - static_cast<int>(sizes.size());
  bool fits = lead >= 0;
  Dims dims;
  for (int i = 0; fits && i < t.ndim(); ++i) {
    const int64_t wanted = i < lead ? 1 : sizes[static_cast<size_t>(i - lead)];
    if (i < lead || (wanted == 1 && t.size(i) != 1)) {
      dims.push_back(i);
    } else {
      fits = wanted == t.size(i);
    }
  }
  if (!fits) fail("size {", sizes, "} is not expandable to size {", t.sizes(), "}.");
  if (sizes.empty()) return sum(t);
  Tensor out = sum(t, dims, true);
  return lead > 0 ? view(out, sizes) : out;
}

}  // namespace hinoko
