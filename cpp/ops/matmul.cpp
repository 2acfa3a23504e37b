// Products of matrices and vectors with their derivatives, and matmul, which is composed of them and of
// views. Derivatives that are not recorded read transposed operands in place: a transpose is a change of
// strides.
#include "ops/matrix.h"

#include <cstring>

namespace hinoko {

namespace detail {

void multiply(DType dtype, const Matrix& out, const Matrix& a, const Matrix& b, const Addition& addition,
              const Batch& batch) {
  if (out.column_stride != 1 && out.columns > 1)
    return multiply(dtype, out.transposed(), b.transposed(), a.transposed(), addition.transposed(),
                    {batch.count, batch.b_step, batch.a_step, batch.c_step});
  if (dtype == DType::Bool) {  // only with nothing to multiply
    std::memset(out.data, 0, static_cast<size_t>(out.rows * out.columns * batch.count));
    return;
  }
  const Matrix& bias = addition.bias;
  kernels::gemm.product[static_cast<size_t>(dtype)](
      {a.rows,       b.columns,       a.columns,         a.data,        a.row_stride,   a.column_stride,
       b.data,       b.row_stride,    b.column_stride,   out.data,      out.row_stride, batch.count,
       batch.a_step, batch.b_step,    batch.c_step,      addition.step, addition.alpha, addition.beta,
       bias.data,    bias.row_stride, bias.column_stride});
}

Tensor mm_raw(DType dtype, const Matrix& a, const Matrix& b, bool column_major, const Addition& addition) {
  const int64_t sizes[] = {a.rows, b.columns};
  const int64_t strides[] = {1, a.rows};
  Tensor out = column_major ? empty_strided(sizes, strides, dtype) : empty(sizes, dtype);
  if (out.numel())
    multiply(dtype, column_major ? Matrix(out.data<char>(), a.rows, b.columns, 1, a.rows) : Matrix(*out), a,
             b, addition);
  return out;
}

Tensor mv_raw(DType dtype, const Matrix& a, const TensorImpl& x, double alpha, double beta, const void* bias,
              int64_t bias_step) {
  Tensor out = empty(Dims{a.rows}, dtype);
  if (a.rows == 0) return out;
  const kernels::GemvCall call{a.rows,          a.columns, a.data,      a.row_stride,
                               a.column_stride, x.data,    x.stride(0), out.raw(),
                               alpha,           beta,      bias,        bias_step};
  kernels::gemm.matrix_vector[static_cast<size_t>(dtype)](call);
  return out;
}

Tensor bmm_raw(DType dtype, const Matrix& a, int64_t a_step, const Matrix& b, int64_t b_step, int64_t count,
               const Addition& addition) {
  Tensor out = empty(Dims{count, a.rows, b.columns}, dtype);
  if (out.numel())
    multiply(dtype, Matrix(out.data<char>(), a.rows, b.columns, b.columns, 1), a, b, addition,
             {count, a_step, b_step, a.rows * b.columns});
  return out;
}

Tensor mm_gradient_a(Node& node, const Tensor& g, const SavedTensor& b, bool column_major,
                     const Scalar& alpha) {
  if (!grad_enabled())
    return mm_raw(g.dtype(), Matrix(*g), Matrix(b.peek(node)).transposed(), column_major,
                  {alpha.to_double()});
  const Tensor y = b.unpack(node);
  return times(column_major ? t(mm(y, t(g))) : mm(g, t(y)), alpha);
}
Tensor mm_gradient_b(Node& node, const Tensor& g, const SavedTensor& a, bool column_major,
                     const Scalar& alpha) {
  if (!grad_enabled())
    return mm_raw(g.dtype(), Matrix(a.peek(node)).transposed(), Matrix(*g), column_major,
                  {alpha.to_double()});
  const Tensor x = a.unpack(node);
  return times(column_major ? t(mm(t(g), x)) : mm(t(x), g), alpha);
}

Tensor bmm_gradient_a(Node& node, const Tensor& g, const SavedTensor& b, const Scalar& alpha) {
  if (grad_enabled()) return times(bmm(g, transpose(b.unpack(node), 1, 2)), alpha);
  const TensorImpl& y = b.peek(node);
  return bmm_raw(g.dtype(), Matrix(*g), g.stride(0), Matrix(y).transposed(), y.stride(0), g.size(0),
                 {alpha.to_double()});
}
Tensor bmm_gradient_b(Node& node, const Tensor& g, const SavedTensor& a, const Scalar& alpha) {
  if (grad_enabled()) return times(bmm(transpose(a.unpack(node), 1, 2), g), alpha);
  const TensorImpl& x = a.peek(node);
  return bmm_raw(g.dtype(), Matrix(x).transposed(), x.stride(0), Matrix(*g), g.stride(0), g.size(0),
                 {alpha.to_double()});
}

Tensor mv_gradient_a(Node& node, const Tensor& g, const SavedTensor& x, const Scalar& alpha) {
  if (grad_enabled()) return times(mul(view(g, Dims{g.size(0), 1}), x.unpack(node)), alpha);
  const TensorImpl& y = x.peek(node);
  const Tensor column = alias(g, Dims{g.size(0), 1}, Dims{g.stride(0), 1}, g.raw());
  const Tensor ga = empty(Dims{g.size(0), y.size(0)}, g.dtype());
  run_loop(kernels::pick(kernels::binary[static_cast<int>(BinaryId::mul)], g.dtype()), ga, {column, &y});
  return times(ga, alpha);
}
Tensor mv_gradient_x(Node& node, const Tensor& g, const SavedTensor& a, const Scalar& alpha) {
  if (grad_enabled()) return times(mv(t(a.unpack(node)), g), alpha);
  return mv_raw(g.dtype(), Matrix(a.peek(node)).transposed(), *g, alpha.to_double());
}

}  // namespace detail

using namespace detail;

namespace {

// ---- nodes ----

// What both kinds of products of two matrices keep.
struct ProductNode : NodeOf<2> {
  void release_saved() noexcept override {
    a.reset();
    b.reset();
  }
  void save(const Tensor& x, const Tensor& y) {
    if (edges()[1].fn) a.save_input(x, 0);
    if (edges()[0].fn) b.save_input(y, 1);
  }
  SavedTensor a, b;
};

struct MmNode final : ProductNode {
  const char* name() const override { return "MmBackward0"; }
  void backward(Tensor g, Sweep& sweep) override {
    Tensor ga, gb;
    if (sweep.needs(*this, 0)) ga = mm_gradient_a(*this, g, b, a_column_major, 1);
    if (sweep.needs(*this, 1)) gb = mm_gradient_b(*this, g, a, b_column_major, 1);
    g = Tensor();
    sweep.send(*this, 0, std::move(ga));
    sweep.send(*this, 1, std::move(gb));
  }
  bool a_column_major = false, b_column_major = false;
};

struct BmmNode final : ProductNode {
  const char* name() const override { return "BmmBackward0"; }
  void backward(Tensor g, Sweep& sweep) override {
    Tensor ga, gb;
    if (sweep.needs(*this, 0)) ga = bmm_gradient_a(*this, g, b, 1);
    if (sweep.needs(*this, 1)) gb = bmm_gradient_b(*this, g, a, 1);
    g = Tensor();
    sweep.send(*this, 0, std::move(ga));
    sweep.send(*this, 1, std::move(gb));
  }
};

struct MvNode final : ProductNode {
  const char* name() const override { return "MvBackward0"; }
  void backward(Tensor g, Sweep& sweep) override {
    Tensor ga, gx;
    if (sweep.needs(*this, 0)) ga = mv_gradient_a(*this, g, b, 1);
    if (sweep.needs(*this, 1)) gx = mv_gradient_x(*this, g, a, 1);
    g = Tensor();
    sweep.send(*this, 0, std::move(ga));
    sweep.send(*this, 1, std::move(gx));
  }
};

struct DotNode final : ProductNode {
  const char* name() const override { return "DotBackward0"; }
  void backward(Tensor g, Sweep& sweep) override {
    Tensor ga, gb;
    if (sweep.needs(*this, 0)) ga = mul(g, b.unpack(*this));
    if (sweep.needs(*this, 1)) gb = mul(g, a.unpack(*this));
    sweep.send(*this, 0, std::move(ga));
    sweep.send(*this, 1, std::move(gb));
  }
};

template <class N>
void link(const Tensor& out, N* node, const Tensor& a, const Tensor& b) {
  record(out, node, a, b);
  node->save(a, b);
}

}  // namespace

// ---- matrix and matrix, matrix and vector, vector and vector ----

Tensor mm(const Tensor& a, const Tensor& b) {
  if (a.ndim() != 2) fail("self must be a matrix");
  if (b.ndim() != 2) fail("mat2 must be a matrix");
  if (a.size(1) != b.size(0))
    fail("mat1 and mat2 shapes cannot be multiplied (", a.size(0), "x", a.size(1), " and ", b.size(0), "x",
         b.size(1), ")");
  if (a.dtype() != b.dtype())
    fail("expected m1 and m2 to have the same dtype, but got: ", c_type_name(a.dtype()),
         " != ", c_type_name(b.dtype()));
  if (a.dtype() == DType::Bool && a.size(0) && a.size(1) && b.size(1))
    fail(ErrorKind::NotImplemented, "\"addmm_impl_cpu_\" not implemented for 'Bool'");
  Tensor out = mm_raw(a.dtype(), Matrix(*a), Matrix(*b));
  if (needs_grad(a, b)) {
    auto* node = new MmNode;
    node->a_column_major = is_column_major(a);
    node->b_column_major = is_column_major(b);
    link(out, node, a, b);
  }
  return out;
}

Tensor mv(const Tensor& a, const Tensor& x) {
  if (a.ndim() == 0 || (a.ndim() == 2 && x.ndim() == 1 && a.size(1) != x.size(0))) {
    if (a.ndim() == 0) fail(ErrorKind::Index, "Dimension specified as 0 but tensor has no dimensions");
    fail("size mismatch, got input (", a.size(0), "), mat (", a.size(0), "x", a.size(1), "), vec (",
         x.size(0), ")");
  }
  if (a.ndim() != 2 || x.ndim() != 1)
    fail("vector + matrix @ vector expected, got 1, ", a.ndim(), ", ", x.ndim());
  if (a.dtype() != x.dtype())
    fail("addmv input tensors must have the same dtype, but got ", dtype_scalar_name(x.dtype()), ", ",
         dtype_scalar_name(a.dtype()), ", and ", dtype_scalar_name(x.dtype()));
  if (a.dtype() == DType::Bool && a.numel())
    fail(ErrorKind::NotImplemented, "\"addmv_impl_cpu\" not implemented for 'Bool'");
  Tensor out =
      a.dtype() == DType::Bool ? zeros(Dims{a.size(0)}, DType::Bool) : mv_raw(a.dtype(), Matrix(*a), *x);
  if (needs_grad(a, x)) link(out, new MvNode, a, x);
  return out;
}

Tensor dot(const Tensor& a, const Tensor& b) {
  if (a.ndim() != 1 || b.ndim() != 1)
    fail("1D tensors expected, but got ", a.ndim(), "D and ", b.ndim(), "D tensors");
  if (a.dtype() != b.dtype())
    fail("dot : expected both vectors to have same dtype, but found ", dtype_scalar_name(a.dtype()), " and ",
         dtype_scalar_name(b.dtype()));
  if (a.numel() != b.numel())
    fail("inconsistent tensor size, expected tensor ", a.sizes(), " and src ", b.sizes(),
         " to have the same number of elements, but got ", a.numel(), " and ", b.numel(),
         " elements respectively");
  if (a.dtype() == DType::Bool) fail(ErrorKind::NotImplemented, "\"dot\" not implemented for 'Bool'");
  Tensor out = Tensor::steal(empty_scalar(a.dtype(), 0));
  kernels::gemm.dot[static_cast<size_t>(a.dtype())](a.numel(), out.raw(), a.raw(), a.stride(0), b.raw(),
                                                    b.stride(0));
  if (needs_grad(a, b)) link(out, new DotNode, a, b);
  return out;
}

Tensor bmm(const Tensor& a, const Tensor& b) {
  if (a.ndim() != 3) fail("batch1 must be a 3D tensor");
  if (b.ndim() != 3) fail("batch2 must be a 3D tensor");
  if (a.size(0) != b.size(0) || a.size(2) != b.size(1))
    fail("Expected size for first two dimensions of batch2 tensor to be: [", a.size(0), ", ", a.size(2),
         "] but got: [", b.size(0), ", ", b.size(1), "].");
  if (a.dtype() == DType::Bool && a.size(0) && a.size(1) && b.size(2))
    fail(ErrorKind::NotImplemented, "\"bmm\" not implemented for 'Bool'");
  if (a.dtype() != b.dtype())
    fail("expected scalar type ", dtype_scalar_name(a.dtype()), " but found ", dtype_scalar_name(b.dtype()));
  Tensor out = bmm_raw(a.dtype(), Matrix(*a), a.stride(0), Matrix(*b), b.stride(0), a.size(0));
  if (needs_grad(a, b)) link(out, new BmmNode, a, b);
  return out;
}

// ---- matmul ----

namespace {

// The same data with other sizes, as a tensor of its own: `t` is a temporary that nobody else will see.
struct ReshapedNode final : NodeOf<1> {
  ReshapedNode(DimSpan s, const char* n) : sizes(s), title(n) {}
  const char* name() const override { return title; }
  void backward(Tensor g, Sweep& sweep) override {
    sweep.send(*this, 0,
               is_squeeze() && grad_enabled() ? unsqueeze(g, 0) : reshape_gradient(std::move(g), sizes));
  }
  bool is_squeeze() const { return title[0] == 'S'; }
  SavedDims sizes;
  const char* title;
};

Tensor reshaped(const Tensor& t, DimSpan sizes, const char* name) {
  Tensor out = alias(t, sizes, contiguous_strides(sizes), t.raw());
  if (needs_grad(t)) record(out, new ReshapedNode(t.sizes(), name), t);
  return out;
}
Tensor unsafe_view(const Tensor& t, DimSpan sizes) { return reshaped(t, sizes, "UnsafeViewBackward0"); }

Tensor vector_times_matrix(const Tensor& x, const Tensor& b) {
  if (needs_grad(x, b)) return reshaped(mm(unsqueeze(x, 0), b), Dims{b.size(1)}, "SqueezeBackward4");
  const Tensor row = alias(x, Dims{1, x.size(0)}, Dims{x.size(0) * x.stride(0), x.stride(0)}, x.raw());
  const Tensor out = mm(row, b);
  return reshaped(out, Dims{b.size(1)}, "");
}

// Whether a batch times one matrix (or vector) is better seen as one large matrix.
bool folds(const Tensor& a, const Tensor& b) {
  const bool a_larger = a.ndim() >= b.ndim();
  const Tensor& larger = a_larger ? a : b;
  const Tensor& other = a_larger ? b : a;
  if (larger.ndim() < 3 || other.ndim() > 2) return false;
  if (other.requires_grad()) return true;  // its gradient is one product instead of a sum over the batch
  if (a.ndim() == 2) return false;
  if (larger.numel() == 0) return true;
  // Otherwise only where it takes no copy.
  const int n = larger.ndim();
  const auto at = [&](int i) {
    return a_larger || i < n - 2 ? i : i == n - 2 ? n - 1 : n - 2;
  };  // b is transposed
  for (int i = 0; i < n - 2; ++i)
    if (larger.stride(at(i)) != larger.stride(at(i + 1)) * larger.size(at(i + 1))) return false;
  return true;
}

Tensor folded(const Tensor& a, const Tensor& b) {
  const bool transposed = b.ndim() > a.ndim();
  const Tensor batch = transposed ? transpose(b, -2, -1) : a;
  const Tensor other = !transposed ? b : a.ndim() == 2 ? t(a) : a;
  Dims sizes(batch.sizes());
  const int64_t inner = sizes.back();
  sizes.pop_back();
  int64_t rows = 1;
  for (const int64_t s : sizes) rows *= s;
  const Tensor matrix = reshape(batch, Dims{rows, inner});
  if (other.ndim() == 1) return unsafe_view(mv(matrix, other), sizes);
  sizes.push_back(other.size(1));
  const Tensor out = unsafe_view(mm(matrix, other), sizes);
  return transposed ? contiguous(transpose(out, -2, -1)) : out;
}

Tensor batched(const Tensor& a, const Tensor& b) {
  const int na = a.ndim(), nb = b.ndim();
  const int64_t n = na > 1 ? a.size(na - 2) : 1, k = a.size(na - 1);
  const int64_t kb = nb > 1 ? b.size(nb - 2) : b.size(0), p = nb > 1 ? b.size(nb - 1) : 1;
  const DimSpan batch_a = a.sizes().first(static_cast<size_t>(std::max(na - 2, 0)));
  const DimSpan batch_b = b.sizes().first(static_cast<size_t>(std::max(nb - 2, 0)));
  // With one matrix repeated: as in folds.
  if (na == 3 && nb == 3 && batch_a[0] != batch_b[0]) {
    const int64_t first = 0;
    if (batch_a[0] == 1 && a.requires_grad()) return matmul(squeeze(a, DimSpan(&first, 1)), b);
    if (batch_b[0] == 1 && b.requires_grad()) return matmul(a, squeeze(b, DimSpan(&first, 1)));
  }
  const Dims batch = broadcast_shapes(batch_a, batch_b);
  int64_t count = 1;
  for (const int64_t s : batch) count *= s;
  const auto with = [&](std::initializer_list<int64_t> last) {
    Dims out(batch);
    for (const int64_t s : last) out.push_back(s);
    return out;
  };
  const Tensor x = reshape(expand(a, with({n, k})), Dims{count, n, k});
  const Tensor y = nb == 1 ? unsqueeze(reshape(expand(b, with({kb})), Dims{count, kb}), 2)
                           : reshape(expand(b, with({kb, p})), Dims{count, kb, p});
  Dims sizes(batch);
  if (na > 1) sizes.push_back(n);
  if (nb > 1) sizes.push_back(p);
  const Tensor out = bmm(x, y);
  const int64_t last = -1;
  return unsafe_view(nb == 1 ? squeeze(out, DimSpan(&last, 1)) : out, sizes);
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  const int na = a.ndim(), nb = b.ndim();
  if (na == 2 && nb == 2) return mm(a, b);
  if (na == 2 && nb == 1) return mv(a, b);
  if (na == 1 && nb == 1) return dot(a, b);
  if (na == 0 || nb == 0)
    fail("both arguments to matmul need to be at least 1D, but they are ", na, "D and ", nb, "D");
  if (na == 1 && nb == 2) return vector_times_matrix(a, b);
  return folds(a, b) ? folded(a, b) : batched(a, b);
}

}  // namespace hinoko
