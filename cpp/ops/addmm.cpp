// Products that are added to something: addmm, addmv, baddbmm. out = beta x + alpha (a b), where x is
// broadcast. Floating point goes through the kernels in one pass; whole numbers, whose factors are cut to
// whole numbers as well, are composed.
#include "ops/matrix.h"

namespace hinoko {

using namespace detail;

namespace {

struct AddedProductNode : NodeOf<3> {
  AddedProductNode(const Scalar& b, const Scalar& a) : beta(b), alpha(a) {}
  void release_saved() noexcept override {
    a.reset();
    b.reset();
  }
  void save(const Tensor& x, const Tensor& y) {
    if (edges()[2].fn) a.save_input(x, 1);
    if (edges()[1].fn) b.save_input(y, 2);
  }
  // The gradients of the factors are there; the rest is the same for all.
  void send(Tensor g, Tensor ga, Tensor gb, Sweep& sweep) {
    if (sweep.needs(*this, 0)) sweep.send(*this, 0, times(std::move(g), beta));
    sweep.send(*this, 1, std::move(ga));
    sweep.send(*this, 2, std::move(gb));
  }
  SavedTensor a, b;
  Scalar beta, alpha;
};

struct AddmmNode final : AddedProductNode {
  AddmmNode(const Scalar& b, const Scalar& a, bool ac, bool bc)
      : AddedProductNode(b, a), a_column_major(ac), b_column_major(bc) {}
  const char* name() const override { return "AddmmBackward0"; }
  void backward(Tensor g, Sweep& sweep) override {
    Tensor ga, gb;
    if (sweep.needs(*this, 1)) ga = mm_gradient_a(*this, g, b, a_column_major, alpha);
    if (sweep.needs(*this, 2)) gb = mm_gradient_b(*this, g, a, b_column_major, alpha);
    send(std::move(g), std::move(ga), std::move(gb), sweep);
  }
  bool a_column_major, b_column_major;
};

struct AddmvNode final : AddedProductNode {
  using AddedProductNode::AddedProductNode;
  const char* name() const override { return "AddmvBackward0"; }
  void backward(Tensor g, Sweep& sweep) override {
    Tensor ga, gx;
    if (sweep.needs(*this, 1)) ga = mv_gradient_a(*this, g, b, alpha);
    if (sweep.needs(*this, 2)) gx = mv_gradient_x(*this, g, a, alpha);
    send(std::move(g), std::move(ga), std::move(gx), sweep);
  }
};

struct BaddbmmNode final : AddedProductNode {
  using AddedProductNode::AddedProductNode;
  const char* name() const override { return "BaddbmmBackward0"; }
  void backward(Tensor g, Sweep& sweep) override {
    Tensor ga, gb;
    if (sweep.needs(*this, 1)) ga = bmm_gradient_a(*this, g, b, alpha);
    if (sweep.needs(*this, 2)) gb = bmm_gradient_b(*this, g, a, alpha);
    send(std::move(g), std::move(ga), std::move(gb), sweep);
  }
};

void check_factors(DType dtype, const Scalar& beta, const Scalar& alpha) {
  beta.check_fits(dtype);
  alpha.check_fits(dtype);
}

// beta x + alpha product, for whole numbers.
Tensor compose(const Tensor& product, const Tensor& x, const Scalar& beta, const Scalar& alpha) {
  const GradModeGuard guard(false);
  const auto whole = [](const Scalar& s) { return Scalar(static_cast<long long>(s.to_int())); };
  const Tensor scaled = times(product, whole(alpha));
  return whole(beta).equals(0) ? scaled : add(scaled, times(x, whole(beta)));
}

// x in the shape of the result, without a copy; with its rows adjacent, or repeating one element.
Tensor spread(const Tensor& x, DimSpan sizes) {
  const GradModeGuard guard(false);
  Tensor out = expand(x, sizes);
  const int64_t step = out.stride(out.ndim() - 1);
  return step == 0 || step == 1 || out.size(out.ndim() - 1) <= 1 ? out : contiguous(out);
}

Addition addition_of(const Tensor& x, const Scalar& beta, const Scalar& alpha) {
  return {alpha.to_double(), beta.to_double(), Matrix(*x), x.ndim() == 3 ? x.stride(0) : 0};
}

template <class N>
void link(const Tensor& out, N* node, const Tensor& x, const Tensor& a, const Tensor& b) {
  record(out, node, x, a, b);
  if (!same(x.sizes(), out.sizes())) note_input_shapes(*node, out.dtype(), out.sizes(), {&x, &a, &b});
  node->save(a, b);
}

void check_result_size(const Tensor& x, DimSpan sizes, bool in_place) {
  if (in_place && !same(x.sizes(), sizes))
    fail("Bad in-place call: input tensor size ", x.sizes(), " and output tensor size ", sizes,
         " should match");
}

// Writes `result` to `x`; `node` is what it records, or null.
void write_back(const Tensor& x, const Tensor& a, const Tensor& b, const Tensor& result,
                Ref<AddedProductNode> node) {
  check_no_overlap(x, {&a, &b});
  if (AddedProductNode* const n = node.get()) {
    n->edges()[0] = gradient_edge(x);
    n->edges()[1] = gradient_edge(a);
    n->edges()[2] = gradient_edge(b);
    n->save(a, b);
    if (n->a.defined() && a->storage == x->storage) n->a.save_overwritten(a);
    if (n->b.defined() && b->storage == x->storage) n->b.save_overwritten(b);
  }
  copy_raw(x, result);
  finish_inplace(x, node.release());
}

// ---- forward passes, not recorded ----

Tensor addmm_raw(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& beta, const Scalar& alpha,
                 bool in_place = false) {
  if (a.ndim() != 2) fail("mat1 must be a matrix, got ", a.ndim(), "-D tensor");
  if (b.ndim() != 2) fail("mat2 must be a matrix, got ", b.ndim(), "-D tensor");
  if (a.size(1) != b.size(0))
    fail("mat1 and mat2 shapes cannot be multiplied (", a.size(0), "x", a.size(1), " and ", b.size(0), "x",
         b.size(1), ")");
  const DType dtype = x.dtype();
  const auto check = [](const char* name, const Tensor& t, const Tensor& u) {
    if (t.dtype() != u.dtype())
      fail(name, " and mat2 must have the same dtype, but got ", dtype_scalar_name(t.dtype()), " and ",
           dtype_scalar_name(u.dtype()));
  };
  check("self", x, b);
  check("mat1", a, b);
  const int64_t sizes[] = {a.size(0), b.size(1)};
  check_result_size(x, sizes, in_place);
  const Tensor bias = spread(x, sizes);
  if (bias.numel() == 0) return empty(sizes, dtype);
  if (dtype == DType::Bool) fail(ErrorKind::NotImplemented, "\"addmm_impl_cpu_\" not implemented for 'Bool'");
  check_factors(dtype, beta, alpha);
  if (!is_floating(dtype)) return compose(mm_raw(dtype, Matrix(*a), Matrix(*b)), bias, beta, alpha);
  Matrix left(*a), right(*b);
  if (alpha.equals(0)) left.columns = right.rows = 0;  // then a and b are not read
  return mm_raw(dtype, left, right, false, addition_of(bias, beta, alpha));
}

Tensor addmv_raw(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& beta, const Scalar& alpha,
                 bool in_place = false) {
  if (a.ndim() != 2 || b.ndim() != 1 || x.ndim() > 1)
    fail("vector + matrix @ vector expected, got ", x.ndim(), ", ", a.ndim(), ", ", b.ndim());
  if (a.size(1) != b.size(0) || (x.numel() != 1 && x.numel() != a.size(0)))
    fail("size mismatch, got input (", x.numel(), "), mat (", a.size(0), "x", a.size(1), "), vec (",
         b.size(0), ")");
  const int64_t rows = a.size(0);
  check_result_size(x, DimSpan(&rows, 1), in_place);
  const DType dtype = x.dtype();
  if (a.dtype() != dtype || b.dtype() != dtype)
    fail("addmv input tensors must have the same dtype, but got ", dtype_scalar_name(dtype), ", ",
         dtype_scalar_name(a.dtype()), ", and ", dtype_scalar_name(b.dtype()));
  if (dtype == DType::Bool && a.numel())
    fail(ErrorKind::NotImplemented, "\"addmv_impl_cpu\" not implemented for 'Bool'");
  check_factors(dtype, beta, alpha);
  const GradModeGuard guard(false);
  const Tensor bias = expand(x, Dims{a.size(0)});
  if (dtype == DType::Bool) return beta.to_bool() ? clone_raw(bias) : zeros(bias.sizes(), dtype);
  if (!is_floating(dtype)) return compose(mv_raw(dtype, Matrix(*a), *b), bias, beta, alpha);
  Matrix matrix(*a);
  if (alpha.equals(0)) matrix.columns = 0;
  return mv_raw(dtype, matrix, *b, alpha.to_double(), beta.to_double(), bias.raw(), bias.stride(0));
}

Tensor baddbmm_raw(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& beta, const Scalar& alpha,
                   bool in_place = false) {
  for (const Tensor* t : {&a, &b})
    if (t->ndim() < 3) wrap_dim(2, t->ndim());
  const int64_t sizes[] = {a.size(0), a.size(1), b.size(2)};
  const Tensor bias = spread(x, sizes);
  check_result_size(x, sizes, in_place);
  if (a.ndim() != 3) fail("batch1 must be a 3D tensor");
  if (b.ndim() != 3) fail("batch2 must be a 3D tensor");
  if (a.size(0) != b.size(0) || a.size(2) != b.size(1))
    fail("Expected size for first two dimensions of batch2 tensor to be: [", a.size(0), ", ", a.size(2),
         "] but got: [", b.size(0), ", ", b.size(1), "].");
  const DType dtype = x.dtype();
  if (a.dtype() == dtype && b.dtype() != dtype && b.dtype() != DType::Bool)
    fail("expected scalar type ", dtype_scalar_name(dtype), " but found ", dtype_scalar_name(b.dtype()));
  if (a.dtype() != dtype || b.dtype() != dtype)
    fail("Input dtypes must be the same, got: input ", c_type_name(dtype),
         ", batch1: ", c_type_name(a.dtype()), ", batch2: ", c_type_name(b.dtype()));
  if (bias.numel() == 0) return empty(sizes, dtype);
  if (dtype == DType::Bool) fail(ErrorKind::NotImplemented, "\"baddbmm\" not implemented for 'Bool'");
  check_factors(dtype, beta, alpha);
  const auto product = [&](const Addition& addition) {
    return bmm_raw(dtype, Matrix(*a), a.stride(0), Matrix(*b), b.stride(0), a.size(0), addition);
  };
  return is_floating(dtype) ? product(addition_of(bias, beta, alpha))
                            : compose(product({}), bias, beta, alpha);
}

}  // namespace

// ---- operations ----

Tensor addmm(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& beta, const Scalar& alpha) {
  Tensor out = addmm_raw(x, a, b, beta, alpha);
  if (needs_grad(x, a, b))
    link(out, new AddmmNode(beta, alpha, is_column_major(a), is_column_major(b)), x, a, b);
  return out;
}
void addmm_(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& beta, const Scalar& alpha) {
  const bool recorded = needs_grad(x, a, b);
  check_inplace(x, recorded);
  const Tensor result = addmm_raw(x, a, b, beta, alpha, true);
  write_back(x, a, b, result,
             Ref<AddedProductNode>::steal(
                 recorded ? new AddmmNode(beta, alpha, is_column_major(a), is_column_major(b)) : nullptr));
}

Tensor addmv(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& beta, const Scalar& alpha) {
  Tensor out = addmv_raw(x, a, b, beta, alpha);
  if (needs_grad(x, a, b)) link(out, new AddmvNode(beta, alpha), x, a, b);
  return out;
}
void addmv_(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& beta, const Scalar& alpha) {
  const bool recorded = needs_grad(x, a, b);
  check_inplace(x, recorded);
  const Tensor result = addmv_raw(x, a, b, beta, alpha, true);
  write_back(x, a, b, result, Ref<AddedProductNode>::steal(recorded ? new AddmvNode(beta, alpha) : nullptr));
}

Tensor baddbmm(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& beta, const Scalar& alpha) {
  Tensor out = baddbmm_raw(x, a, b, beta, alpha);
  if (needs_grad(x, a, b)) link(out, new BaddbmmNode(beta, alpha), x, a, b);
  return out;
}
void baddbmm_(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& beta, const Scalar& alpha) {
  const bool recorded = needs_grad(x, a, b);
  check_inplace(x, recorded);
  const Tensor result = baddbmm_raw(x, a, b, beta, alpha, true);
  write_back(x, a, b, result,
             Ref<AddedProductNode>::steal(recorded ? new BaddbmmNode(beta, alpha) : nullptr));
}

}  // namespace hinoko
