// Running a loop over tensors: broadcasting, memory order, coalescing of dimensions. No autograd here.
#pragma once

#include <initializer_list>

#include "kernels/kernels.h"
#include "table/rows.h"
#include "tensor/promote.h"
#include "tensor/tensor.h"

namespace hinoko {

// One operand of a loop: a tensor, or a number in the loop's dtype (then `number` points at it).
struct Operand {
  const TensorImpl* tensor;
  const void* number;
  Operand(const Tensor& t) : tensor(t.get()), number(nullptr) {}
  Operand(const TensorImpl* t) : tensor(t), number(nullptr) {}
  Operand(const void* n) : tensor(nullptr), number(n) {}
};

// A Python number in dtype `d`, as a loop reads it.
struct Number {
  alignas(8) char bytes[8];
  Number(const Scalar& s, DType d) { s.write(d, bytes); }
  operator Operand() const { return Operand(static_cast<const void*>(bytes)); }
};

Dims broadcast_shapes(DimSpan a, DimSpan b);  // throws torch's error
// A fresh output of `sizes`, in the memory order of the operands (as torch's TensorIterator lays it out).
Tensor empty_like_operands(DimSpan sizes, DType dtype, std::initializer_list<Operand> inputs);
// out[i] = loop(inputs[i]...), inputs broadcast to the shape of `out`.
void run_loop(kernels::Loop loop, const TensorImpl* out, std::initializer_list<Operand> inputs);
inline void run_loop(kernels::Loop loop, const Tensor& out, std::initializer_list<Operand> inputs) {
  run_loop(loop, out.get(), inputs);
}

// The same over raw operands that lie in memory alike.
void run_flat(kernels::Loop loop, int64_t n, char* const* pointers, const int64_t* strides, int count);
// sum += loop(inputs...), in pieces that stay in the cache, so that the loop's result is never in memory as a
// whole. False, and nothing done, where `sum` and the inputs do not lie in memory alike.
bool run_loop_added(kernels::Loop loop, const TensorImpl* sum, std::initializer_list<Operand> inputs);

// The same tensor in another dtype, not recorded; `t` itself when nothing changes.
Tensor cast_raw(const Tensor& t, DType dtype);
// target = source (broadcast, cast), not recorded, not counted.
void copy_raw(const Tensor& target, const Tensor& source);
void fill_raw(const Tensor& target, const Scalar& value);
Tensor clone_raw(const Tensor& t);  // contiguous, or the strides of a dense `t`

// Refuses an output that overlaps with itself or partly with an input, as torch does.
void check_no_overlap(const Tensor& written, std::initializer_list<const Tensor*> inputs);

// Whether `t` is one element that fits the hot path: 0-d, or one element in one dimension.
inline bool is_scalar_like(const Tensor& t) noexcept {
  return t->numel == 1 && t->ndim <= 1 && !(t->flags & kNumber);
}
// Whether nobody else can see the buffer of `t`, so that a result may be written into it.
inline bool is_ours(const Tensor& t) noexcept { return t.is_sole() && !t->grad_fn && t.is_contiguous(); }

}  // namespace hinoko
