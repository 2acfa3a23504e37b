#include "ops/elementwise.h"

#include <bit>
#include <numeric>

#include "base/parallel.h"

namespace hinoko {

DType g_default_dtype = DType::Float32;

Dims broadcast_shapes(DimSpan a, DimSpan b) {
  const int64_t na = static_cast<int64_t>(a.size()), nb = static_cast<int64_t>(b.size()),
                n = std::max(na, nb);
  Dims out(n);
  for (int64_t i = n - 1; i >= 0; --i) {
    const int64_t ia = i - (n - na), ib = i - (n - nb);
    const int64_t sa = ia >= 0 ? a[static_cast<size_t>(ia)] : 1,
                  sb = ib >= 0 ? b[static_cast<size_t>(ib)] : 1;
    if (sa != sb && sa != 1 && sb != 1)
      fail("The size of tensor a (", sa, ") must match the size of tensor b (", sb,
           ") at non-singleton dimension ", i);
    out[i] = sa == 1 ? sb : sa;
  }
  return out;
}

namespace {

constexpr int kMaxOperands = 5;

// Byte strides of an operand, broadcast to `ndim` dimensions.
void broadcast_strides(const Operand& operand, DimSpan sizes, int64_t* strides) {
  const int n = static_cast<int>(sizes.size());
  std::fill(strides, strides + n, 0);
  if (!operand.tensor) return;
  const TensorImpl& t = *operand.tensor;
  const int64_t width = static_cast<int64_t>(item_size(t.dtype));
  for (int i = 0; i < t.ndim; ++i) {
    if (t.size(i) == 1) continue;
    const int at = n - t.ndim + i;
    if (at < 0 || t.size(i) != sizes[static_cast<size_t>(at)])
      fail("The expanded size of the tensor ", sizes, " must match the existing size ", t.sizes());
    strides[at] = t.stride(i) * width;
  }
}

// torch's order of dimensions for an output: by the operands' strides, ambiguous pairs left as they are.
Dims memory_order(DimSpan sizes, const SmallVector<int64_t, 40>& strides, int operands) {
  const int n = static_cast<int>(sizes.size());
  Dims perm(n);  // innermost first
  for (int i = 0; i < n; ++i) perm[i] = n - 1 - i;
  const auto should_swap = [&](int64_t inner, int64_t outer) {
    for (int k = 0; k < operands; ++k) {
      const int64_t a = strides[k * n + inner], b = strides[k * n + outer];
      if (a == 0 || b == 0) continue;
      if (a != b) return a < b ? -1 : 1;
      if (sizes[static_cast<size_t>(inner)] > sizes[static_cast<size_t>(outer)]) return 1;
    }
    return 0;
  };
  for (int i = 1; i < n; ++i) {
    int at = i;
    for (int j = i - 1; j >= 0; --j) {
      const int comparison = should_swap(perm[j], perm[at]);
      if (comparison > 0) {
        std::swap(perm[j], perm[at]);
        at = j;
      } else if (comparison < 0) {
        break;
      }
    }
  }
  return perm;
}

}  // namespace

Tensor empty_like_operands(DimSpan sizes, DType dtype, std::initializer_list<Operand> inputs) {
  bool plain = true;
  for (const Operand& o : inputs)
    plain = plain && (!o.tensor || o.tensor->is_contiguous() || o.tensor->numel <= 1);
  if (plain || sizes.size() < 2) return empty(sizes, dtype);
  const int n = static_cast<int>(sizes.size());
  SmallVector<int64_t, 40> strides;
  int count = 0;
  for (const Operand& o : inputs) {
    if (!o.tensor) continue;
    strides.resize((count + 1) * n);
    broadcast_strides(o, sizes, strides.data() + count * n);
    ++count;
  }
  const Dims perm = memory_order(sizes, strides, count);
  Dims out(n);
  int64_t step = 1;
  for (const int64_t d : perm) {
    out[d] = step;
    step *= std::max<int64_t>(sizes[static_cast<size_t>(d)], 1);
  }
  return empty_strided(sizes, out, dtype);
}

namespace {

constexpr int64_t kGrain = 32768;  // elements that are worth a thread, where rows cannot be cut

// How a loop walks over its operands: dimensions of one element dropped, ordered by the output's strides,
// merged.
struct Walk {
  struct Dimension {
    int64_t size, stride[kMaxOperands];
  };
  int count;  // of operands
  char* pointers[kMaxOperands];
  SmallVector<Dimension, 8> dims;  // outermost first

  Walk(const TensorImpl* out, std::initializer_list<Operand> inputs) {
    count = 1 + static_cast<int>(inputs.size());
    const Operand first(out);
    const Operand* operands[kMaxOperands] = {&first};
    int k = 1;
    for (const Operand& o : inputs) operands[k++] = &o;
    const DimSpan sizes = out->sizes();
    const int n = static_cast<int>(sizes.size());
    SmallVector<int64_t, 40> strides(int64_t{count} * n);
    for (k = 0; k < count; ++k) {
      const Operand& o = *operands[k];
      pointers[k] = o.tensor ? static_cast<char*>(o.tensor->data)
                             : const_cast<char*>(static_cast<const char*>(o.number));
      broadcast_strides(o, sizes, strides.data() + k * n);
    }
    Dims order;
    for (int i = 0; i < n; ++i)
      if (sizes[static_cast<size_t>(i)] != 1) order.push_back(i);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return strides[a] > strides[b]; });
    for (const int64_t d : order) {
      Dimension next;
      next.size = sizes[static_cast<size_t>(d)];
      for (k = 0; k < count; ++k) next.stride[k] = strides[k * n + d];
      bool merges = !dims.empty();
      for (k = 0; merges && k < count; ++k) merges = dims.back().stride[k] == next.stride[k] * next.size;
      if (merges) next.size *= dims.back().size, dims.pop_back();
      dims.push_back(next);
    }
  }

  void run(kernels::Loop loop, int64_t begin,
           int64_t end) const noexcept;  // a part of the outermost dimension
};

void Walk::run(kernels::Loop loop, int64_t begin, int64_t end) const noexcept {
  char* at[kMaxOperands];
  for (int k = 0; k < count; ++k) at[k] = pointers[k] + begin * dims[0].stride[k];
  const int outer = static_cast<int>(dims.size()) - 1;
  if (outer == 0) return loop(end - begin, at, dims[0].stride);
  const Dimension& last = dims[outer];
  int64_t counter[64] = {};
  for (;;) {
    loop(last.size, at, last.stride);
    int d = outer - 1;
    for (; d >= 0; --d) {
      const Dimension& dim = dims[d];
      const int64_t size = d == 0 ? end - begin : dim.size;
      if (++counter[d] < size) {
        for (int k = 0; k < count; ++k) at[k] += dim.stride[k];
        break;
      }
      for (int k = 0; k < count; ++k) at[k] -= dim.stride[k] * (size - 1);
      counter[d] = 0;
    }
    if (d < 0) return;
  }
}

}  // namespace

void run_flat(kernels::Loop loop, int64_t n, char* const* pointers, const int64_t* strides, int count) {
  parallel_elements(n, [=](int64_t begin, int64_t end) {
    if (begin == 0 && end == n) return loop(n, pointers, strides);
    char* at[kMaxOperands];
    for (int k = 0; k < count; ++k) at[k] = pointers[k] + begin * strides[k];
    loop(end - begin, at, strides);
  });
}

void run_loop(kernels::Loop loop, const TensorImpl* out, std::initializer_list<Operand> inputs) {
  char* pointers[kMaxOperands];
  int64_t strides[kMaxOperands];
  pointers[0] = static_cast<char*>(out->data);
  strides[0] = static_cast<int64_t>(item_size(out->dtype));
  bool plain = out->is_contiguous();
  int k = 1;
  for (const Operand& o : inputs) {
    if (!o.tensor) {
      pointers[k] = const_cast<char*>(static_cast<const char*>(o.number));
      strides[k++] = 0;
      continue;
    }
    pointers[k] = static_cast<char*>(o.tensor->data);
    if (o.tensor->numel == 1 && out->numel != 1) {
      strides[k++] = 0;
    } else {
      strides[k++] = static_cast<int64_t>(item_size(o.tensor->dtype));
      plain = plain && o.tensor->is_contiguous() && same(o.tensor->sizes(), out->sizes());
      if (o.tensor->numel == 0 && out->numel != 0) [[unlikely]]
        fail("The expanded size of the tensor ", out->sizes(), " must match the existing size ",
             o.tensor->sizes());
    }
  }
  if (plain || out->numel == 1) return run_flat(loop, out->numel, pointers, strides, k);
  if (out->numel == 0) return;
  const Walk walk(out, inputs);
  const int64_t size = walk.dims[0].size;
  parallel_for(size, std::max<int64_t>(1, kGrain / (out->numel / size)),
               [&](int64_t begin, int64_t end) { walk.run(loop, begin, end); });
}

bool run_loop_added(kernels::Loop loop, const TensorImpl* sum, std::initializer_list<Operand> inputs) {
  const Walk walk(sum, inputs);
  const int64_t step = static_cast<int64_t>(item_size(sum->dtype));
  if (walk.dims.size() != 1 || walk.dims[0].stride[0] != step) return false;
  const kernels::Loop add = kernels::pick(kernels::binary[static_cast<int>(BinaryId::add)], sum->dtype);
  parallel_elements(sum->numel, [&](int64_t begin, int64_t end) {
    constexpr int64_t kPiece = 1024;
    alignas(64) char piece[kPiece * sizeof(double)];
    const int64_t* const strides = walk.dims[0].stride;
    for (int64_t i = begin; i < end; i += kPiece) {
      const int64_t n = std::min(kPiece, end - i);
      char* at[kMaxOperands] = {piece};
      for (int k = 1; k < walk.count; ++k) at[k] = walk.pointers[k] + i * strides[k];
      loop(n, at, strides);
      char* const into = walk.pointers[0] + i * step;
      char* const operands[] = {into, into, piece};
      const int64_t steps[] = {step, step, step};
      add(n, operands, steps);
    }
  });
  return true;
}

namespace {

// Where the two disagree about the innermost dimension, the copy goes in tiles of that dimension and the
// source's own. Says whether that was the case.
bool copy_transposed(const Tensor& target, const Tensor& source) {
  if (target.numel() < 64 || target.dtype() != source.dtype() || !same(target.sizes(), source.sizes()))
    return false;
  const int64_t width = static_cast<int64_t>(item_size(target.dtype()));
  const Walk walk(target.get(), {source});
  const auto& dims = walk.dims;
  const int64_t n = dims.size();
  if (n < 2 || n > 8) return false;
  const Walk::Dimension inner = dims[n - 1];
  int64_t d = n - 2;
  while (d >= 0 && dims[d].stride[1] != width) --d;
  if (d < 0 || inner.stride[0] != width || inner.stride[1] == width || inner.size < 4 || dims[d].size < 4)
    return false;
  const Walk::Dimension across = dims[d];  // the source's innermost
  constexpr int64_t kStrip = 16;
  const int64_t strips = (across.size + kStrip - 1) / kStrip;
  const kernels::TransposeLoop loop =
      kernels::transpose[static_cast<size_t>(std::countr_zero(static_cast<uint64_t>(width)))];
  const int64_t outer = target.numel() / (inner.size * across.size);
  parallel_for(
      outer * strips, std::max<int64_t>(1, kGrain / (inner.size * kStrip)), [&](int64_t begin, int64_t end) {
        while (begin < end) {
          int64_t place = begin / strips;
          char *out = walk.pointers[0], *in = walk.pointers[1];
          for (int64_t k = n - 2; k >= 0; --k) {
            if (k == d) continue;
            const int64_t at = place % dims[k].size;
            place /= dims[k].size;
            out += at * dims[k].stride[0];
            in += at * dims[k].stride[1];
          }
          const int64_t first = begin % strips * kStrip,
                        count = std::min(strips - begin % strips, end - begin);
          loop(out + first * across.stride[0], in + first * width,
               std::min(count * kStrip, across.size - first), inner.size, across.stride[0], inner.stride[1]);
          begin += count;
        }
      });
  return true;
}

}  // namespace

void copy_raw(const Tensor& target, const Tensor& source) {
  if ((!source.is_contiguous() || !target.is_contiguous()) && copy_transposed(target, source)) return;
  run_loop(kernels::pick(kernels::cast[static_cast<int>(source.dtype())], target.dtype()), target, {source});
}

void fill_raw(const Tensor& target, const Scalar& value) {
  const Number number(value, target.dtype());
  run_loop(kernels::pick(kernels::cast[static_cast<int>(target.dtype())], target.dtype()), target, {number});
}

Tensor cast_raw(const Tensor& t, DType dtype) {
  if (t.dtype() == dtype) return t;
  Tensor out = empty_like_operands(t.sizes(), dtype, {t});
  copy_raw(out, t);
  return out;
}

Tensor clone_raw(const Tensor& t) {
  Tensor out = t.is_contiguous()                  ? empty(t.sizes(), t.dtype())
               : is_dense(t.sizes(), t.strides()) ? empty_strided(t.sizes(), t.strides(), t.dtype())
                                                  : empty_like_operands(t.sizes(), t.dtype(), {t});
  copy_raw(out, t);
  return out;
}

void check_no_overlap(const Tensor& written, std::initializer_list<const Tensor*> inputs) {
  if (!written.numel()) return;
  for (int i = 0; i < written.ndim(); ++i)
    if (written.stride(i) == 0 && written.size(i) > 1)
      fail(
          "unsupported operation: more than one element of the written-to tensor refers to a single memory "
          "location. "
          "Please clone() the tensor before performing the operation.");
  const auto extent = [](const Tensor& t) {
    int64_t last = 0;
    for (int i = 0; i < t.ndim(); ++i) last += (t.size(i) - 1) * t.stride(i);
    const auto* first = static_cast<const char*>(t.raw());
    return std::pair(first, first + (last + 1) * static_cast<int64_t>(item_size(t.dtype())));
  };
  // What lies in memory in some other way than gap-free is too hard to tell, as for torch.
  if (!is_dense(written.sizes(), written.strides())) return;
  for (const Tensor* t : inputs) {
    if (!t->defined() || t->get() == written.get() || (*t)->storage != written->storage || !t->numel())
      continue;
    if (!is_dense(t->sizes(), t->strides())) continue;
    const auto [a, a_end] = extent(*t);
    const auto [b, b_end] = extent(written);
    if (a >= b_end || b >= a_end) continue;
    if (a == b && a_end == b_end && same(t->strides(), written.strides())) continue;
    fail(
        "unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
        "single memory "
        "location. Please clone() the tensor before performing the operation.");
  }
}

}  // namespace hinoko
