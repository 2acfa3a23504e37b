// The operations: everything that can be recorded. Each is declared here once and defined, with its
// derivative, in a file of its family. Rows of the tables become functions by macro.
#pragma once

#include <optional>
#include <string_view>

#include "autograd/meta.h"
#include "ops/elementwise.h"

namespace hinoko {

// ---- rows (unary.cpp, binary.cpp) ----
#define HINOKO_UNARY(name, ...) \
  Tensor name(const Tensor& x); \
  void name##_(const Tensor& x);
#include "table/unary.def"
#undef HINOKO_UNARY

// With a Python number in place of b: not for maximum, minimum and the internal rows.
#define HINOKO_BINARY(name, ...)                  \
  Tensor name(const Tensor& a, const Tensor& b);  \
  Tensor name(const Tensor& a, const Scalar& b);  \
  void name##_(const Tensor& a, const Tensor& b); \
  void name##_(const Tensor& a, const Scalar& b);
#include "table/binary.def"
#undef HINOKO_BINARY

Tensor add(const Tensor& a, const Tensor& b, const Scalar& alpha);
Tensor add(const Tensor& a, const Scalar& b, const Scalar& alpha);
Tensor sub(const Tensor& a, const Tensor& b, const Scalar& alpha);
void add_(const Tensor& a, const Tensor& b, const Scalar& alpha);
void sub_(const Tensor& a, const Tensor& b, const Scalar& alpha);
Tensor rsub(const Tensor& a, const Scalar& b);    // b - a
Tensor divide(const Scalar& a, const Tensor& b);  // a / b
Tensor pow(const Scalar& a, const Tensor& b);
Tensor floor_divide(const Scalar& a, const Tensor& b);
Tensor remainder(const Scalar& a, const Tensor& b);
Tensor square(const Tensor& x);
Tensor cube(const Tensor& x);
Tensor bitwise_not(const Tensor& x);
Tensor logical_not(const Tensor& x);
void bitwise_not_(const Tensor& x);
void logical_not_(const Tensor& x);
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor masked_fill(const Tensor& x, const Tensor& mask, const Scalar& value);
void masked_fill_(const Tensor& x, const Tensor& mask, const Scalar& value);
Tensor div_floor(const Tensor& a, const Tensor& b);  // rounding_mode='floor'
Tensor div_trunc(const Tensor& a, const Tensor& b);  // rounding_mode='trunc'
void div_rounded_(const Tensor& a, const Tensor& b, bool floor);
Tensor number_tensor(const Scalar& value);  // 0-d; in promotion it counts as a Python number

// ---- composite.cpp ----
Tensor addcmul(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& value);  // x + value * a * b
void addcmul_(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& value);
Tensor flip(const Tensor& t, DimSpan dims);

// ---- copies and constants (creation.cpp, copy.cpp) ----
Tensor zeros(DimSpan sizes, DType dtype);
Tensor ones(DimSpan sizes, DType dtype);
Tensor full(DimSpan sizes, const Scalar& value, DType dtype);
Tensor zeros_like(const Tensor& t);
Tensor ones_like(const Tensor& t);
Tensor empty_like(const Tensor& t, std::optional<DType> dtype = std::nullopt);
Tensor arange(const Scalar& start, const Scalar& end, const Scalar& step, DType dtype);
Tensor linspace(double start, double end, int64_t steps, DType dtype);
Tensor eye(int64_t rows, int64_t columns, DType dtype);
Tensor clone(const Tensor& t);
Tensor to_copy(const Tensor& t);  // clone as `to(copy=True)` records it
Tensor contiguous(const Tensor& t);
Tensor to_dtype(const Tensor& t, DType dtype);  // t itself when nothing changes
void copy_(const Tensor& target, const Tensor& source);
void fill_(const Tensor& target, const Scalar& value);
void fill_(const Tensor& target, const Tensor& value);
void zero_(const Tensor& target);
// After the data of `target` was overwritten with constants: records `node` (a name), which passes no
// gradient on.
void zero_history(const Tensor& target, const char* node);

// ---- views and shapes (views.cpp, parts.cpp, shape.cpp) ----
int64_t wrap_dim(int64_t dim, int64_t ndim);  // throws torch's IndexError
Tensor view(const Tensor& t, DimSpan sizes);  // one size may be -1
Tensor reshape(const Tensor& t, DimSpan sizes);
Tensor flatten(const Tensor& t, int64_t first, int64_t last);
Tensor squeeze(const Tensor& t);
Tensor squeeze(const Tensor& t, DimSpan dims);
Tensor unsqueeze(const Tensor& t, int64_t dim);
Tensor transpose(const Tensor& t, int64_t a, int64_t b);
Tensor t(const Tensor& t);
Tensor permute(const Tensor& t, DimSpan dims);
Tensor expand(const Tensor& t, DimSpan sizes);
Tensor select(const Tensor& t, int64_t dim, int64_t index);
Tensor slice(const Tensor& t, int64_t dim, int64_t start, int64_t end, int64_t step);
Tensor as_strided(const Tensor& t, DimSpan sizes, DimSpan strides, int64_t offset);
std::vector<Tensor> unbind(const Tensor& t, int64_t dim);
Tensor cat(std::span<const Tensor> tensors, int64_t dim);
Tensor stack(std::span<const Tensor> tensors, int64_t dim);
Tensor sum_to_size(const Tensor& t, DimSpan sizes);

// ---- reductions (reduce.cpp) ----
Tensor sum(const Tensor& t, std::optional<DType> dtype = std::nullopt);
Tensor sum(const Tensor& t, DimSpan dims, bool keepdim,
           std::optional<DType> dtype = std::nullopt);  // no dims: all
Tensor mean(const Tensor& t, std::optional<DType> dtype = std::nullopt);
Tensor mean(const Tensor& t, DimSpan dims, bool keepdim, std::optional<DType> dtype = std::nullopt);
struct ValuesAndIndices {
  Tensor values, indices;
};
Tensor max(const Tensor& t);
Tensor min(const Tensor& t);
ValuesAndIndices max(const Tensor& t, int64_t dim, bool keepdim);
ValuesAndIndices min(const Tensor& t, int64_t dim, bool keepdim);

// ---- matrices (matmul.cpp) ----
Tensor mm(const Tensor& a, const Tensor& b);
Tensor mv(const Tensor& a, const Tensor& x);
Tensor dot(const Tensor& a, const Tensor& b);
Tensor bmm(const Tensor& a, const Tensor& b);
Tensor matmul(const Tensor& a, const Tensor& b);
// beta x + alpha (a b), x broadcast (addmm.cpp)
#define HINOKO_ADDED_PRODUCT(name)                                                                         \
  Tensor name(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& beta, const Scalar& alpha); \
  void name##_(const Tensor& x, const Tensor& a, const Tensor& b, const Scalar& beta, const Scalar& alpha);
HINOKO_ADDED_PRODUCT(addmm)
HINOKO_ADDED_PRODUCT(addmv)
HINOKO_ADDED_PRODUCT(baddbmm)
#undef HINOKO_ADDED_PRODUCT

// ---- advanced indexing (index.cpp): `indices` has an undefined tensor for a full slice ----
Tensor index(const Tensor& t, std::span<const Tensor> indices);
void index_put_(const Tensor& t, std::span<const Tensor> indices, const Tensor& values, bool accumulate);
Tensor nonzero(const Tensor& t);

// ---- operators, so that a formula reads the same on tensors and on numbers ----
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator+(const Tensor& a, const Scalar& b) { return add(a, b); }
inline Tensor operator+(const Scalar& a, const Tensor& b) { return add(b, a); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator-(const Tensor& a, const Scalar& b) { return sub(a, b); }
inline Tensor operator-(const Scalar& a, const Tensor& b) { return rsub(b, a); }
inline Tensor operator-(const Tensor& a) { return neg(a); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator*(const Tensor& a, const Scalar& b) { return mul(a, b); }
inline Tensor operator*(const Scalar& a, const Tensor& b) { return mul(b, a); }
inline Tensor operator*(const Constant& a, const Tensor& b) { return mul(b, Scalar(a.value)); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator/(const Tensor& a, const Scalar& b) { return div(a, b); }
inline Tensor operator<(const Tensor& a, const Tensor& b) { return lt(a, b); }
inline Tensor operator<(const Tensor& a, const Scalar& b) { return lt(a, b); }
inline Tensor operator>(const Tensor& a, const Tensor& b) { return gt(a, b); }
inline Tensor operator>(const Tensor& a, const Scalar& b) { return gt(a, b); }

// Pieces of derivatives on tensors; their namesakes on numbers are in kernels/math.h.
inline Tensor rounded_quotient(const Tensor& a, const Tensor& b) { return div_floor(a, b); }
Tensor zero_of(const Tensor& g);
Tensor times(const Tensor& x, const Constant& c);
Tensor gradient_of_extreme(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor& loses);
Tensor pow_gradient_base(const Tensor& g, const Tensor& a, const Tensor& b);
Tensor pow_gradient_base(const Tensor& g, const Tensor& a, const Scalar& b);
Tensor pow_gradient_exponent(const Tensor& g, const Tensor& a, const Tensor& b);

}  // namespace hinoko
