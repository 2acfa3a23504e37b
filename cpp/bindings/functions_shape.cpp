// Views, shapes, joining, matrices.
#include "bindings/args.h"
#include "ops/views.h"

namespace hinoko::bindings {

namespace {

PyObject* unbind_handler(const Call& c) {
  const std::vector<Tensor> items = unbind(c.tensor(0), c.integer(1, 0));
  const py::object out = own(PyTuple_New(static_cast<Py_ssize_t>(items.size())));
  for (size_t i = 0; i < items.size(); ++i)
    PyTuple_SET_ITEM(out.ptr(), static_cast<Py_ssize_t>(i), wrap(items[i]));
  return py::object(out).release().ptr();
}

// Methods that replace a tensor's geometry in place: the result of `view` becomes the tensor.
PyObject* replace_geometry(const Call& c, Tensor (*view)(const Call&)) {
  const Tensor& t = c.tensor(0);
  check_inplace(t, needs_grad(t));
  const Tensor changed = view(c);
  Ref<Node> node = Ref<Node>::share(needs_grad(t) ? grad_fn(changed) : nullptr);
  if (node) rename_inplace(*node);
  t->set_geometry(changed.sizes(), changed.strides());
  ++t->exchanges;
  finish_inplace_geometry(t, node.release());
  Py_INCREF(c[0]);
  return c[0];
}

Tensor unsqueeze_call(const Call& c) { return unsqueeze(c.tensor(0), c.integer(1)); }
Tensor squeeze_call(const Call& c) {
  return c.has(1) ? squeeze(c.tensor(0), c.dims(1)) : squeeze(c.tensor(0));
}
Tensor transpose_call(const Call& c) { return transpose(c.tensor(0), c.integer(1), c.integer(2)); }
Tensor t_call(const Call& c) {
  if (c.tensor(0).ndim() > 2)
    fail(c.function, "() expects a tensor with <= 2 dimensions, but self is ", c.tensor(0).ndim(), "D");
  return t(c.tensor(0));
}

template <Tensor (*F)(const Call&)>
PyObject* result(const Call& c) {
  return wrap(F(c));
}
template <Tensor (*F)(const Call&)>
PyObject* in_place(const Call& c) {
  return replace_geometry(c, F);
}

template <Tensor (*F)(const Tensor&, const Tensor&)>
PyObject* product(const Call& c) {
  return finish_out(F(c.tensor(0), c.tensor(1)), c[2], c.function);
}

using AddedProduct = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const Scalar&, const Scalar&);
using AddedProductInplace = void (*)(const Tensor&, const Tensor&, const Tensor&, const Scalar&,
                                     const Scalar&);
template <AddedProduct F>
PyObject* added_product(const Call& c) {
  if (c.has(5) && c.tensor(5).dtype() != c.tensor(0).dtype())
    fail("Expected out tensor to have dtype ", c_type_name(c.tensor(0).dtype()), ", but got ",
         c_type_name(c.tensor(5).dtype()), " instead");
  return finish_out(F(c.tensor(0), c.tensor(1), c.tensor(2), c.scalar(3, Scalar(1)), c.scalar(4, Scalar(1))),
                    c[5], c.function);
}
template <AddedProductInplace F>
PyObject* added_product_inplace(const Call& c) {
  F(c.tensor(0), c.tensor(1), c.tensor(2), c.scalar(3, Scalar(1)), c.scalar(4, Scalar(1)));
  Py_INCREF(c[0]);
  return c[0];
}

#define HINOKO_ADDED_PRODUCT(name, a, b, doc)                                                             \
  {#name,                                                                                                 \
   #name "(Tensor input, Tensor " a ", Tensor " b ", *, Number beta=1, Number alpha=1, Tensor out=None)", \
   added_product<name>, kBoth, doc},                                                                      \
      {#name "_", #name "_(Tensor input, Tensor " a ", Tensor " b ", *, Number beta=1, Number alpha=1)",  \
       added_product_inplace<name##_>, kMethod, "In-place " #name "."},

constexpr Def kShape[] = {
    {"view", "view(Tensor input, IntList... size)",
     [](const Call& c) { return wrap(view(c.tensor(0), c.dims(1))); }, kMethod,
     "The same data in another shape; one size may be -1."},
    {"view_as", "view_as(Tensor input, Tensor other)",
     [](const Call& c) { return wrap(view(c.tensor(0), c.tensor(1).sizes())); }, kMethod,
     "The same data in the shape of other."},
    {"reshape", "reshape(Tensor input, IntList... shape)",
     [](const Call& c) { return wrap(reshape(c.tensor(0), c.dims(1))); }, kBoth,
     "The same elements in another shape, as a view where possible."},
    {"reshape_as", "reshape_as(Tensor input, Tensor other)",
     [](const Call& c) { return wrap(reshape(c.tensor(0), c.tensor(1).sizes())); }, kMethod,
     "The same elements in the shape of other."},
    {"flatten", "flatten(Tensor input, int start_dim=0, int end_dim=-1)",
     [](const Call& c) { return wrap(flatten(c.tensor(0), c.integer(1, 0), c.integer(2, -1))); }, kBoth,
     "Merges dimensions start_dim to end_dim."},
    {"ravel", "ravel(Tensor input)",
     [](const Call& c) { return wrap(view(contiguous(c.tensor(0)), Dims{-1})); }, kBoth,
     "All elements in one dimension."},
    {"squeeze", "squeeze(Tensor input)\nsqueeze(Tensor input, IntList[1] dim)", result<squeeze_call>, kBoth,
     "Removes dimensions of size 1."},
    {"unsqueeze", "unsqueeze(Tensor input, int dim)", result<unsqueeze_call>, kBoth,
     "Adds a dimension of size 1."},
    {"squeeze_", "squeeze_(Tensor input)\nsqueeze_(Tensor input, IntList[1] dim)", in_place<squeeze_call>,
     kMethod, "In-place squeeze."},
    {"unsqueeze_", "unsqueeze_(Tensor input, int dim)", in_place<unsqueeze_call>, kMethod,
     "In-place unsqueeze."},
    {"transpose", "transpose(Tensor input, int dim0, int dim1)", result<transpose_call>, kBoth,
     "Exchanges two dimensions."},
    {"swapaxes", "swapaxes(Tensor input, int axis0, int axis1)", result<transpose_call>, kBoth,
     "Alias of transpose."},
    {"transpose_", "transpose_(Tensor input, int dim0, int dim1)", in_place<transpose_call>, kMethod,
     "In-place transpose."},
    {"t", "t(Tensor input)", result<t_call>, kBoth, "The transpose of a matrix."},
    {"t_", "t_(Tensor input)", in_place<t_call>, kMethod, "In-place t."},
    {"permute", "permute(Tensor input, IntList... dims)",
     [](const Call& c) { return wrap(permute(c.tensor(0), c.dims(1))); }, kBoth, "Reorders the dimensions."},
    {"expand", "expand(Tensor input, IntList... size, *, bool implicit=False)",
     [](const Call& c) { return wrap(expand(c.tensor(0), c.dims(1))); }, kMethod,
     "Repeats dimensions of size 1, without a copy."},
    {"expand_as", "expand_as(Tensor input, Tensor other)",
     [](const Call& c) { return wrap(expand(c.tensor(0), c.tensor(1).sizes())); }, kMethod,
     "Expands to the shape of other."},
    {"broadcast_to", "broadcast_to(Tensor input, IntList... size)",
     [](const Call& c) { return wrap(expand(c.tensor(0), c.dims(1))); }, kBoth, "Alias of expand."},
    {"select", "select(Tensor input, int dim, int index)",
     [](const Call& c) { return wrap(select(c.tensor(0), c.integer(1), c.integer(2))); }, kBoth,
     "One slice along dim, without that dimension."},
    {"narrow", "narrow(Tensor input, int dim, int start, int length)",
     [](const Call& c) {
       const Tensor& t = c.tensor(0);
       const int64_t dim = wrap_dim(c.integer(1), t.ndim()), size = t.size(static_cast<int>(dim));
       int64_t start = c.integer(2);
       const int64_t length = c.integer(3);
       if (length < 0) fail("narrow(): length must be non-negative.");
       if (start < -size || start > size)
         fail(ErrorKind::Index, "start out of range (expected to be in range of [", -size, ", ", size,
              "], but got ", start, ")");
       if (start < 0) start += size;
       if (start + length > size)
         fail("start (", start, ") + length (", length, ") exceeds dimension size (", size, ").");
       return wrap(slice(t, dim, start, start + length, 1));
     },
     kBoth, "length slices along dim from start."},
    {"as_strided", "as_strided(Tensor input, IntList size, IntList stride, int storage_offset=None)",
     [](const Call& c) {
       return wrap(as_strided(c.tensor(0), c.dims(1), c.dims(2), c.integer(3, c.tensor(0)->offset())));
     },
     kBoth, "A view with any sizes, strides and offset."},
    {"flip", "flip(Tensor input, IntList... dims)",
     [](const Call& c) { return wrap(flip(c.tensor(0), c.dims(1))); }, kBoth,
     "The elements in reverse order along dims."},
    {"__reversed__", "__reversed__(Tensor self)",
     [](const Call& c) {
       const int64_t first[] = {0};
       return c.tensor(0).ndim() ? wrap(flip(c.tensor(0), first)) : wrap(c.tensor(0));
     },
     kMethod, ""},
    {"unbind", "unbind(Tensor input, int dim=0)", unbind_handler, kBoth, "The slices along dim, as a tuple."},
    {"cat", "cat(TensorList tensors, int dim=0, *, Tensor out=None)",
     [](const Call& c) { return finish_out(cat(as_tensors(c[0]), c.integer(1, 0)), c[2], c.function); },
     kFunction, "Joins tensors along dim."},
    {"concat", "concat(TensorList tensors, int dim=0, *, Tensor out=None)",
     [](const Call& c) { return finish_out(cat(as_tensors(c[0]), c.integer(1, 0)), c[2], c.function); },
     kFunction, "Alias of cat."},
    {"stack", "stack(TensorList tensors, int dim=0, *, Tensor out=None)",
     [](const Call& c) { return finish_out(stack(as_tensors(c[0]), c.integer(1, 0)), c[2], c.function); },
     kFunction, "Joins tensors of one shape along a new dimension."},
    {"nonzero", "nonzero(Tensor input)", [](const Call& c) { return wrap(nonzero(c.tensor(0))); }, kBoth,
     "The indices of all elements that are not zero."},
    {"matmul", "matmul(Tensor input, Tensor other, *, Tensor out=None)", product<matmul>, kBoth,
     "The product of vectors, matrices, or batches of matrices."},
    {"mm", "mm(Tensor input, Tensor mat2, *, Tensor out=None)", product<mm>, kBoth,
     "The product of two matrices."},
    {"mv", "mv(Tensor input, Tensor vec, *, Tensor out=None)", product<mv>, kBoth,
     "The product of a matrix and a vector."},
    {"dot", "dot(Tensor input, Tensor tensor, *, Tensor out=None)", product<dot>, kBoth,
     "The inner product of two vectors."},
    {"bmm", "bmm(Tensor input, Tensor mat2, *, Tensor out=None)", product<bmm>, kBoth,
     "The products of two batches of matrices."},
    HINOKO_ADDED_PRODUCT(addmm, "mat1", "mat2", "beta * input + alpha * (mat1 @ mat2).")  //
    HINOKO_ADDED_PRODUCT(addmv, "mat", "vec", "beta * input + alpha * (mat @ vec).")      //
    HINOKO_ADDED_PRODUCT(baddbmm, "batch1", "batch2",
                         "beta * input + alpha * (batch1 @ batch2), matrix by matrix.")};

#undef HINOKO_ADDED_PRODUCT

}  // namespace

void register_shape(Registry& r) { r.add<kShape>(); }

}  // namespace hinoko::bindings
