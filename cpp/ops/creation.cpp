// Constants, ranges, copies, conversion between dtypes, filling.
#include <cmath>
#include <limits>

#include "autograd/engine.h"
#include "autograd/saved.h"
#include "ops/ops.h"

namespace hinoko {

Tensor full(DimSpan sizes, const Scalar& value, DType dtype) {
  value.check_fits(dtype);
  Tensor out = empty(sizes, dtype);
  fill_raw(out, value);
  return out;
}
Tensor zeros(DimSpan sizes, DType dtype) { return full(sizes, Scalar(0), dtype); }
Tensor ones(DimSpan sizes, DType dtype) { return full(sizes, Scalar(1), dtype); }

Tensor empty_like(const Tensor& t, std::optional<DType> dtype) {
  if (t->numel == 1 && t->ndim <= 1) return Tensor::steal(empty_scalar(dtype.value_or(t.dtype()), t->ndim));
  if (t.is_contiguous()) return empty(t.sizes(), dtype.value_or(t.dtype()));
  const Dims strides = t.strides();
  if (is_dense(t.sizes(), strides)) return empty_strided(t.sizes(), strides, dtype.value_or(t.dtype()));
  return empty_like_operands(t.sizes(), dtype.value_or(t.dtype()), {t});
}
Tensor zeros_like(const Tensor& t) {
  Tensor out = empty_like(t);
  fill_raw(out, Scalar(0));
  return out;
}
Tensor ones_like(const Tensor& t) {
  Tensor out = empty_like(t);
  fill_raw(out, Scalar(1));
  return out;
}

Tensor arange(const Scalar& start, const Scalar& end, const Scalar& step, DType dtype) {
  const double from = start.to_double(), to = end.to_double(), by = step.to_double();
  if (by == 0) fail("step must be nonzero");
  if (!std::isfinite(from) || !std::isfinite(to)) {
    char text[96];
    std::snprintf(text, sizeof text, "unsupported range: %g -> %g", from, to);
    fail(std::string(text));
  }
  if ((by > 0 && from > to) || (by < 0 && from < to))
    fail("upper bound and lower bound inconsistent with step sign");
  const bool whole = !start.is_float() && !end.is_float() && !step.is_float();
  double count = 0;
  if (whole) {
    const int64_t a = start.to_int(), b = end.to_int(), s = step.to_int();
    int64_t span = 0;
    if (__builtin_sub_overflow(b, a, &span)) fail("invalid size, possible overflow?");
    count = static_cast<double>(span / s + (span % s != 0));
  } else {
    count = std::ceil((to - from) / by);
  }
  if (!(count >= 0 && count <= 9223372036854774784.0)) fail("invalid size, possible overflow?");
  const int64_t n = static_cast<int64_t>(count);
  const int64_t sizes[] = {n};
  Tensor out = empty(sizes, dtype);
  dispatch(dtype, [&]<class T>(TypeTag<T>) {
    T* p = out.data<T>();
    if constexpr (std::is_floating_point_v<T>) {
      // torch's values on x86: blocks of one AVX2 vector start exactly, and the last partial block goes
      // element by element.
      constexpr int64_t lanes = 32 / sizeof(T);
      const int64_t body = n / lanes * lanes;
      for (int64_t i = 0; i < body; i += lanes) {
        const double base = static_cast<T>(from + by * static_cast<double>(i));
        for (int64_t lane = 0; lane < lanes; ++lane)
          p[i + lane] = static_cast<T>(base + static_cast<double>(lane) * by);
      }
      for (int64_t i = body; i < n; ++i) p[i] = static_cast<T>(from + by * static_cast<double>(i));
    } else {
      const int64_t a = start.to_int(), s = step.to_int();
      for (int64_t i = 0; i < n; ++i)
        p[i] = static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(s) * static_cast<uint64_t>(i));
    }
  });
  return out;
}

Tensor linspace(double start, double end, int64_t steps, DType dtype) {
  if (steps < 0) fail("number of steps must be non-negative");
  if (dtype == DType::Bool) fail(ErrorKind::NotImplemented, "\"linspace_cpu\" not implemented for 'Bool'");
  const int64_t sizes[] = {steps};
  Tensor out = empty(sizes, dtype);
  dispatch(dtype, [&]<class T>(TypeTag<T>) {
    T* p = out.data<T>();
    if constexpr (std::is_floating_point_v<T>) {
      // From both ends to the middle, so that both are exact.
      const T a = static_cast<T>(start), b = static_cast<T>(end);
      const T step = steps > 1 ? (b - a) / static_cast<T>(steps - 1) : T(0);
      for (int64_t i = 0; i < steps; ++i)
        p[i] = i < steps / 2 || steps == 1 ? std::fma(step, static_cast<T>(i), a)
                                           : std::fma(-step, static_cast<T>(steps - 1 - i), b);
    } else {
      const T a = convert<T>(start), b = convert<T>(end);
      const float step =
          steps > 1 ? (static_cast<float>(b) - static_cast<float>(a)) / static_cast<float>(steps - 1) : 0.F;
      for (int64_t i = 0; i < steps; ++i)
        p[i] = convert<T>(i < steps / 2 || steps == 1
                              ? static_cast<float>(a) + step * static_cast<float>(i)
                              : static_cast<float>(b) - step * static_cast<float>(steps - 1 - i));
    }
  });
  return out;
}

Tensor eye(int64_t rows, int64_t columns, DType dtype) {
  if (rows < 0) fail("n must be greater or equal to 0, got ", rows);
  if (columns < 0) fail("m must be greater or equal to 0, got ", columns);
  const int64_t sizes[] = {rows, columns};
  Tensor out = zeros(sizes, dtype);
  const int64_t diagonal = std::min(rows, columns), step[] = {columns + 1}, length[] = {diagonal};
  if (diagonal) fill_raw(alias(out, length, step, out.raw()), Scalar(1));
  return out;
}

// ---- copies ----

namespace {

struct CloneNode final : NodeOf<1> {
  explicit CloneNode(const char* n) : title(n) {}
  const char* name() const override { return title; }
  void backward(Tensor g, Sweep& sweep) override { sweep.send(*this, 0, std::move(g)); }
  const char* title;
};

struct ToCopyNode final : NodeOf<1> {
  explicit ToCopyNode(DType d) : from(d) {}
  const char* name() const override { return "ToCopyBackward0"; }
  void backward(Tensor g, Sweep& sweep) override { sweep.send(*this, 0, to_dtype(g, from)); }
  DType from;
};

struct CopyNode final : NodeOf<2> {
  const char* name() const override { return "CopyBackwards"; }
  void backward(Tensor g, Sweep& sweep) override {
    if (sweep.needs(*this, 0)) sweep.send(*this, 0, zeros_like(g));
    sweep.send(*this, 1, std::move(g));
  }
};

// The gradient that was copied into a leaf's .grad.
struct GradientCopyNode final : NodeOf<2> {
  const char* name() const override { return "CopyBackwards"; }
  void backward(Tensor g, Sweep& sweep) override { sweep.send(*this, 1, std::move(g)); }
};

struct FillNode final : NodeOf<2> {
  FillNode(const char* n, int e) : title(n), listed(e) {}
  const char* name() const override { return title; }
  int listed_edges() const override { return listed; }
  void backward(Tensor g, Sweep& sweep) override {
    if (sweep.needs(*this, 0)) sweep.send(*this, 0, zeros_like(g));
    if (sweep.needs(*this, 1)) sweep.send(*this, 1, sum(g));
  }
  const char* title;
  int listed;
};

}  // namespace

Tensor clone(const Tensor& t) {
  Tensor out =
      t->numel == 1 && t->ndim <= 1 ? Tensor::steal(empty_scalar(t.dtype(), t->ndim)) : empty_like(t);
  copy_raw(out, t);
  if (needs_grad(t)) record(out, new CloneNode("CloneBackward0"), t);
  return out;
}

Tensor contiguous(const Tensor& t) {
  if (t.is_contiguous()) return t;
  Tensor out = empty(t.sizes(), t.dtype());
  copy_raw(out, t);
  if (needs_grad(t)) record(out, new CloneNode("CloneBackward0"), t);
  return out;
}

Tensor to_dtype(const Tensor& t, DType dtype) {
  if (t.dtype() == dtype) return t;
  Tensor out = cast_raw(t, dtype);
  if (needs_grad(t) && is_floating(dtype)) record(out, new ToCopyNode(t.dtype()), t);
  return out;
}

Tensor to_copy(const Tensor& t) {
  Tensor out;
  {
    const GradModeGuard guard(false);
    out = clone(t);
  }
  if (needs_grad(t)) record(out, new ToCopyNode(t.dtype()), t);
  return out;
}

void copy_(const Tensor& target, const Tensor& source) {
  const bool recorded = is_floating(target.dtype()) && needs_grad(target, source);
  if (!same(broadcast_shapes(target.sizes(), source.sizes()), target.sizes()))
    fail("output with shape ", target.sizes(), " doesn't match the broadcast shape ",
         broadcast_shapes(target.sizes(), source.sizes()).span());
  check_inplace(target, recorded);
  check_no_overlap(target, {});
  Ref<CopyNode> node;
  if (recorded) {
    node = new_node<CopyNode>();
    node->edges()[0] = gradient_edge(target);
    if (is_floating(source.dtype())) node->edges()[1] = gradient_edge(source);
    note_input_shapes(*node, target.dtype(), target.sizes(), {&target, &source});
  }
  // A source in the same storage may be overwritten while it is read.
  const bool overlaps = source->storage == target->storage && source.raw() != target.raw();
  copy_raw(target, overlaps ? clone_raw(source) : source);
  finish_inplace(target, node.release());
}

// Elements may share memory here: they all get one value.
void fill_(const Tensor& target, const Scalar& value) {
  const bool recorded = needs_grad(target);
  check_inplace(target, recorded);
  value.check_fits(target.dtype());
  Ref<FillNode> node;
  if (recorded) {
    node = new_node<FillNode>("FillBackward2", 1);
    node->edges()[0] = gradient_edge(target);
  }
  fill_raw(target, value);
  finish_inplace(target, node.release());
}

void fill_(const Tensor& target, const Tensor& value) {
  const bool recorded = is_floating(target.dtype()) && needs_grad(target, value);
  check_inplace(target, recorded);
  if (value.ndim() != 0)
    fail("fill_ only supports 0-dimension value tensor but got tensor with ", value.ndim(), " dimensions.");
  check_no_overlap(target, {});
  Ref<FillNode> node;
  if (recorded) {
    node = new_node<FillNode>("FillBackward3", 2);
    node->edges()[0] = gradient_edge(target);
    if (is_floating(value.dtype())) node->edges()[1] = gradient_edge(value);
    note_input_shapes(*node, target.dtype(), target.sizes(), {&target, &value});
  }
  fill_raw(target, value.item());
  finish_inplace(target, node.release());
}

void zero_(const Tensor& target) {
  const bool recorded = needs_grad(target);
  check_inplace(target, recorded);
  Ref<FillNode> node;
  if (recorded) {
    node = new_node<FillNode>("ZeroBackward0", 1);
    node->edges()[0] = gradient_edge(target);
  }
  fill_raw(target, Scalar(0));
  finish_inplace(target, node.release());
}

void zero_history(const Tensor& target, const char* name) {
  auto node = new_node<FillNode>(name, 1);
  node->edges()[0] = gradient_edge(target);
  finish_inplace(target, node.release());
}

// ---- what the engine needs ----

namespace {

void add_into(const Tensor& into, const Tensor& other) {
  const kernels::Loop loop = kernels::pick(kernels::binary[static_cast<int>(BinaryId::add)], into.dtype());
  run_loop(loop, into, {into, other});
}

// A copy with the memory order of `layout` if that has no gaps.
Tensor clone_like(const Tensor& t, const Tensor& layout) {
  Tensor out = !layout.is_contiguous() && is_dense(layout.sizes(), layout.strides())
                   ? empty_strided(layout.sizes(), layout.strides(), t.dtype())
                   : empty(t.sizes(), t.dtype());
  copy_raw(out, t);
  if (needs_grad(t)) record(out, new GradientCopyNode, Tensor(), t);
  return out;
}

Tensor zeros_strided(DimSpan sizes, DimSpan strides, DType dtype) {
  Tensor out = empty_strided(sizes, strides, dtype);
  fill_raw(out, Scalar(0));
  return out;
}

[[maybe_unused]] const bool g_engine_ready = [] {
  g_engine_ops = {
      .add = [](const Tensor& a, const Tensor& b) { return add(a, b); },
      .add_into = add_into,
      .sum_to_size = sum_to_size,
      .to_dtype = to_dtype,
      .clone = clone,
      .clone_like = clone_like,
      .ones_like = ones_like,
      .zeros = zeros_strided,
      .as_strided = as_strided,
      .copy_into = copy_,
  };
  return true;
}();

}  // namespace

}  // namespace hinoko
