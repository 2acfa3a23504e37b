// torch's type promotion: tensors with dimensions outrank 0-d tensors, these outrank Python numbers,
// unless the lower one is of a higher category (bool < integral < floating).
#pragma once

#include <algorithm>
#include <optional>

#include "tensor/tensor.h"

namespace hinoko {

extern DType g_default_dtype;  // float32, or what set_default_dtype said
inline DType default_dtype() { return g_default_dtype; }

inline DType promote_types(DType a, DType b) { return std::max(a, b); }  // the order of the enum

class ResultType {
 public:
  void add(const Tensor& t) {
    auto& slot = t->flags & kNumber ? number_ : t.ndim() ? dimensioned_ : zero_dim_;
    slot = slot ? promote_types(*slot, number_dtype(t)) : number_dtype(t);
  }
  void add(const Scalar& s) {
    const DType d = s.is_float() ? default_dtype() : s.is_bool() ? DType::Bool : DType::Int64;
    number_ = number_ ? promote_types(*number_, d) : d;
  }
  DType result() const { return *combine(dimensioned_, combine(zero_dim_, number_)); }

 private:
  using Slot = std::optional<DType>;
  static DType number_dtype(const Tensor& t) {
    return t->flags & kNumber && is_floating(t.dtype()) ? default_dtype() : t.dtype();
  }
  static Slot combine(Slot higher, Slot lower) {
    if (!higher) return lower;
    if (!lower || is_floating(*higher)) return higher;
    if (*higher == DType::Bool || is_floating(*lower)) return promote_types(*higher, *lower);
    return higher;
  }
  Slot dimensioned_, zero_dim_, number_;
};

inline DType result_type(const Tensor& a, const Tensor& b) {
  if (a.dtype() == b.dtype() && !((a->flags | b->flags) & kNumber)) return a.dtype();
  ResultType r;
  r.add(a);
  r.add(b);
  return r.result();
}
inline DType result_type(const Tensor& a, const Scalar& b) {
  if (is_floating(a.dtype())) return a.dtype();
  ResultType r;
  r.add(a);
  r.add(b);
  return r.result();
}

// Whether a result of dtype `from` may be written into a tensor of dtype `to` (in place or `out=`).
inline bool can_cast(DType from, DType to) {
  if (is_floating(from)) return is_floating(to);
  return from == DType::Bool || to != DType::Bool;
}

}  // namespace hinoko
