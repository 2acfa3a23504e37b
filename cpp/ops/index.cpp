// Advanced indexing: index, index_put_, nonzero. A plan says, from the shapes and the values of the index
// tensors, which places are meant; every index is checked before an element moves.
#include "kernels/index.h"

#include <functional>
#include <memory>

#include "autograd/engine.h"
#include "autograd/saved.h"
#include "ops/views.h"

namespace hinoko {

namespace {

using Offsets = SmallVector<int64_t, 16>;

struct Column {
  Tensor index;          // int32 or int64; undefined: the whole dimension
  int64_t size, stride;  // of the dimension it indexes, the stride in bytes
};

// The coordinates of the nonzero elements of `t`, one column per dimension, columns one after the other.
Tensor nonzero_columns(const Tensor& t) {
  const Tensor dense = t.is_contiguous() ? t : contiguous(detach(t));
  Offsets positions;
  kernels::append_nonzero(t.dtype(), dense.raw(), t.numel(), positions);
  const int64_t count = positions.size(), ndim = t.ndim();
  Tensor out = empty(Dims{ndim, count}, DType::Int64);
  int64_t* const columns = out.data<int64_t>();
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = positions[i];
    for (int64_t d = ndim - 1; d > 0; --d) {
      const int64_t size = t.size(static_cast<int>(d));
      columns[d * count + i] = rest % size;
      rest /= size;
    }
    if (ndim > 0) columns[i] = rest;
  }
  return out;
}

struct Plan {
  Dims sizes;                 // of the result
  int64_t at = 0, count = 0;  // the dimensions of the result that come from the index tensors
  Offsets indexed;            // where the index tensors lead, in bytes from the first element
  Dims strides;               // of the indexed tensor for the result's other dimensions, in bytes
  std::vector<Column> columns;
  bool one_mask = false;  // a single boolean index

  Plan(const Tensor& t, std::span<const Tensor> indices, bool names_count);
  DimSpan positions() const {
    return sizes.span().subspan(static_cast<size_t>(at), static_cast<size_t>(count));
  }
  Dims memory_strides(bool contiguous) const;
  void locate();  // reads and checks the indices, fills `indexed`
  void run(const Tensor& dense, const Dims& dense_strides, auto&& kernel) const;

 private:
  void add_columns(const Tensor& t, std::span<const Tensor> indices, bool names_count);
};

void Plan::add_columns(const Tensor& t, std::span<const Tensor> indices, bool names_count) {
  const auto too_many = [&](int64_t got) {
    if (names_count)
      fail(ErrorKind::Index, "too many indices for tensor of dimension ", t.ndim(), " (got ", got, ")");
    fail(ErrorKind::Index, "too many indices for tensor of dimension ", t.ndim());
  };
  int64_t given = 0, defined = 0;
  for (const Tensor& index : indices) {
    given += index && index.dtype() == DType::Bool ? index.ndim() : 1;
    if (!index) continue;
    ++defined;
    one_mask = defined == 1 && index.dtype() == DType::Bool;
    if (is_floating(index.dtype()))
      fail(ErrorKind::Index, "tensors used as indices must be long, int, byte or bool tensors");
  }
  if (indices.empty()) fail(ErrorKind::Index, "at least one index must be provided");
  if (given > t.ndim()) too_many(given);
  const int64_t width = static_cast<int64_t>(item_size(t.dtype()));
  const auto add = [&](const Tensor& index) {
    const int d = static_cast<int>(columns.size());
    columns.push_back({index, t.size(d), t.stride(d) * width});
  };
  columns.reserve(static_cast<size_t>(t.ndim()));
  for (const Tensor& index : indices) {
    if (!index || index.dtype() != DType::Bool) {
      add(index);
      continue;
    }
    const int64_t first = static_cast<int64_t>(columns.size());
    for (int j = 0; j < index.ndim(); ++j)
      if (index.size(j) != t.size(static_cast<int>(first) + j))
        fail(ErrorKind::Index, "The shape of the mask ", index.sizes(), " at index ", j,
             " does not match the shape of the indexed tensor ", t.sizes(), " at index ", first + j);
    const Tensor found = nonzero_columns(index);
    for (int j = 0; j < index.ndim(); ++j) {
      const int64_t n = found.size(1);
      add(alias(found, DimSpan(&n, 1), Dims{1}, found.data<int64_t>() + j * n));
    }
  }
  while (static_cast<int>(columns.size()) < t.ndim()) add(Tensor());
}

Plan::Plan(const Tensor& t, std::span<const Tensor> indices, bool names_count) {
  add_columns(t, indices, names_count);
  // The common shape of the index tensors, and whether they are neighbours.
  Dims common;
  int64_t first = -1, runs = 0;
  bool empty_dimension = false, previous = false;
  for (size_t d = 0; d < columns.size(); ++d) {
    const Column& c = columns[d];
    if (c.index) {
      if (first < 0) first = static_cast<int64_t>(d);
      if (!previous) ++runs;
      empty_dimension |= c.size == 0;
      const DimSpan s = c.index.sizes();
      while (common.size() < static_cast<int64_t>(s.size())) common.insert(0, 1);
      for (size_t i = 0; i < s.size(); ++i) {
        int64_t& size = common[common.size() - static_cast<int64_t>(s.size() - i)];
        if (size != s[i] && size != 1 && s[i] != 1) {
          std::string shapes;
          for (const Column& other : columns)
            if (other.index) shapes += cat(shapes.empty() ? "" : ", ", other.index.sizes());
          fail(ErrorKind::Index,
               "shape mismatch: indexing tensors could not be broadcast together with shapes ", shapes);
        }
        if (size == 1) size = s[i];
      }
    }
    previous = c.index.defined();
  }
  // Neighbours are replaced where they stand; otherwise their common shape comes first.
  at = runs == 1 ? first : 0;
  count = common.size();
  bool placed = false;
  const auto place = [&] {
    for (const int64_t s : common) {
      sizes.push_back(s);
      strides.push_back(0);
    }
    placed = true;
  };
  for (size_t d = 0; d < columns.size(); ++d) {
    if (!placed && static_cast<int64_t>(d) == at) place();
    if (columns[d].index) continue;
    sizes.push_back(columns[d].size);
    strides.push_back(columns[d].stride);
  }
  if (!placed) place();
  if (empty_dimension && count_elements(common) != 0)
    fail(ErrorKind::Index, "index is out of bounds for dimension with size 0");
}

void Plan::locate() {
  if (count_elements(sizes) == 0) return;
  const DimSpan shape = positions();
  const int64_t n = count_elements(shape);
  indexed.resize(n, 0);
  struct Bad {
    int64_t position, dim, value, size;
  } bad{n, 0, 0, 0};
  int64_t number = 0;
  for (const Column& c : columns) {
    if (!c.index) continue;
    const Tensor& index = c.index;
    const int64_t lead = count - index.ndim();
    Dims steps(count), counter(count);
    for (int d = 0; d < index.ndim(); ++d)
      if (index.size(d) != 1) steps[lead + d] = index.stride(d);
    const auto fill = [&]<class T>(TypeTag<T>) {
      const T* p = index.data<T>();
      const bool linear = index.is_contiguous() && index.numel() == n;
      for (int64_t i = 0; i < bad.position; ++i) {
        int64_t value = static_cast<int64_t>(*p);
        if (value < -c.size || value >= c.size) [[unlikely]] {
          bad = {i, number, value, c.size};
          return;
        }
        if (value < 0) value += c.size;
        indexed[i] += value * c.stride;
        if (linear) {
          ++p;
          continue;
        }
        for (int64_t d = count - 1; d >= 0; --d) {
          p += steps[d];
          if (++counter[d] < shape[static_cast<size_t>(d)]) break;
          p -= steps[d] * counter[d];
          counter[d] = 0;
        }
      }
    };
    if (index.dtype() == DType::Int64) {
      fill(TypeTag<int64_t>{});
    } else {
      fill(TypeTag<int32_t>{});
    }
    ++number;
  }
  if (bad.position < n)
    fail(ErrorKind::Index, "index ", bad.value, " is out of bounds for dimension ", bad.dim, " with size ",
         bad.size);
}

// The memory order that torch gives to a result: dimensions sorted by the strides of the indexed tensor, then
// by those of the index tensors; pairs that say nothing about each other keep their order. `contiguous`: the
// indexed tensor is.
Dims Plan::memory_strides(bool contiguous) const {
  const int64_t n = sizes.size();
  const Dims common(positions());
  Dims aligned(n, 1);  // the shape of an index tensor as the result sees it
  std::copy(common.begin(), common.end(), aligned.begin() + at);
  bool plain = contiguous && count_elements(sizes) != 0;
  for (const Column& c : columns)
    plain = plain && (!c.index ||
                      (same(c.index.sizes(), common) && same(c.index.strides(), contiguous_strides(common))));
  if (plain) return contiguous_strides(sizes);
  std::vector<Dims> operands{strides};
  for (const Column& c : columns) {
    if (!c.index) continue;
    Dims s;
    view_strides(expand(detach(c.index), common), aligned, s);
    for (int64_t d = 0; d < n; ++d)
      if (aligned[d] != sizes[d]) s[d] = 0;
    operands.push_back(std::move(s));
  }
  const auto compare = [&](int64_t inner, int64_t outer) {
    for (const Dims& s : operands) {
      if (s[inner] == 0 || s[outer] == 0) continue;
      if (s[inner] != s[outer]) return s[inner] < s[outer] ? -1 : 1;
      if (sizes[inner] > sizes[outer]) return 1;
    }
    return 0;
  };
  Dims order(n);  // innermost first
  for (int64_t i = 0; i < n; ++i) order[i] = n - 1 - i;
  for (int64_t i = 1; i < n; ++i) {
    for (int64_t here = i, j = i - 1; j >= 0; --j) {
      const int c = compare(order[j], order[here]);
      if (c < 0) break;
      if (c == 0) continue;
      std::swap(order[j], order[here]);
      here = j;
    }
  }
  if (std::is_sorted(order.begin(), order.end(), std::greater<>())) return contiguous_strides(sizes);
  Dims out(n);
  int64_t step = 1;
  for (const int64_t d : order) {
    out[d] = step;
    step *= sizes[d];
  }
  return out;
}

// Calls kernel(loop) for a dense tensor with these strides (0 where it is broadcast) in the result's shape.
void Plan::run(const Tensor& dense, const Dims& dense_strides, auto&& kernel) const {
  if (indexed.empty()) return;
  const int64_t width = static_cast<int64_t>(item_size(dense.dtype()));
  Offsets places(indexed.size());
  Dims counter(count);
  int64_t place = 0;
  for (int64_t i = 0; i < places.size(); ++i) {
    places[i] = place;
    for (int64_t d = count - 1; d >= 0; --d) {
      const int64_t step = dense_strides[at + d] * width;
      place += step;
      if (++counter[d] < sizes[at + d]) break;
      place -= step * counter[d];
      counter[d] = 0;
    }
  }
  SmallVector<kernels::IndexLoop::Dimension, 8> dims;
  for (int64_t d = 0; d < sizes.size(); ++d) {
    if ((d >= at && d < at + count) || sizes[d] == 1) continue;
    kernels::IndexLoop::Dimension next{sizes[d], strides[d], dense_strides[d] * width};
    if (!dims.empty() && dims.back().indexed == next.indexed * next.size &&
        dims.back().dense == next.dense * next.size) {
      next.size *= dims.back().size;
      dims.pop_back();
    }
    dims.push_back(next);
  }
  kernels::IndexLoop loop;
  // The run is the dimension that is tightest in the indexed tensor.
  if (!dims.empty()) {
    auto* const tightest = std::min_element(
        dims.begin(), dims.end(), [](const auto& a, const auto& b) { return a.indexed < b.indexed; });
    std::rotate(tightest, tightest + 1, dims.end());
    loop.run = dims.back();
    dims.pop_back();
  }
  loop.indexed = indexed;
  loop.dense = places;
  loop.outer = dims;
  kernel(loop);
}

// Index tensors as a node keeps them.
class SavedIndices {
 public:
  explicit SavedIndices(std::span<const Tensor> indices)
      : saved_(new SavedTensor[indices.size()]), count_(indices.size()) {
    for (size_t i = 0; i < count_; ++i)
      if (indices[i]) {
        saved_[i].save_constant(indices[i]);
        defined_ |= uint64_t{1} << i;
      }
  }
  std::vector<Tensor> unpack(Node& node) const {
    std::vector<Tensor> out(count_);
    for (size_t i = 0; i < count_; ++i)
      if (defined_ >> i & 1) out[i] = saved_[i].unpack(node);
    return out;
  }
  void reset() noexcept {
    for (size_t i = 0; i < count_; ++i) saved_[i].reset();
  }

 private:
  std::unique_ptr<SavedTensor[]> saved_;
  size_t count_;
  uint64_t defined_ = 0;
};

// Strides of `values` broadcast to `sizes`.
Dims broadcast_to(const Tensor& values, const Dims& sizes) {
  const int64_t lead = sizes.size() - values.ndim();
  bool fits = lead >= 0;
  Dims out(sizes.size());
  for (int d = 0; fits && d < values.ndim(); ++d) {
    fits = values.size(d) == 1 || values.size(d) == sizes[lead + d];
    if (values.size(d) != 1) out[lead + d] = values.stride(d);
  }
  if (!fits)
    fail("shape mismatch: value tensor of shape ", values.sizes(),
         " cannot be broadcast to indexing result of shape ", sizes.span());
  return out;
}

// ---- index and its derivative: zeros of `sizes` with g added where the indices lead ----

struct IndexAddNode final : NodeOf<2> {  // edges as torch lists them: what is added to, what is added
  explicit IndexAddNode(std::span<const Tensor> i) : indices(i) {}
  const char* name() const override { return "IndexPutImplBackward0"; }
  void release_saved() noexcept override { indices.reset(); }
  void backward(Tensor g, Sweep& sweep) override { sweep.send(*this, 1, index(g, indices.unpack(*this))); }
  SavedIndices indices;
};

Tensor index_add_to_zeros(const Tensor& g, DimSpan sizes, std::span<const Tensor> indices) {
  Tensor out = zeros(sizes, g.dtype());
  Plan plan(out, indices, false);
  plan.locate();
  plan.run(g, g.strides(), [&](const kernels::IndexLoop& loop) {
    kernels::index_add(g.dtype(), loop, static_cast<char*>(out.raw()), static_cast<const char*>(g.raw()));
  });
  if (needs_grad(g)) record(out, new IndexAddNode(indices), Tensor(), g);
  return out;
}

struct IndexNode final : NodeOf<1> {
  IndexNode(DimSpan s, std::span<const Tensor> i) : sizes(s), indices(i) {}
  const char* name() const override { return "IndexBackward0"; }
  void release_saved() noexcept override { indices.reset(); }
  void backward(Tensor g, Sweep& sweep) override {
    sweep.send(*this, 0, index_add_to_zeros(g, sizes, indices.unpack(*this)));
  }
  SavedDims sizes;
  SavedIndices indices;
};

}  // namespace

Tensor index(const Tensor& t, std::span<const Tensor> indices) {
  Plan plan(t, indices, false);
  plan.locate();
  const Dims strides = plan.memory_strides(t.is_contiguous());
  Tensor out = empty_strided(plan.sizes, strides, t.dtype());
  plan.run(out, strides, [&](const kernels::IndexLoop& loop) {
    kernels::index_get(t.dtype(), loop, static_cast<const char*>(t.raw()), static_cast<char*>(out.raw()));
  });
  if (needs_grad(t)) record(out, new IndexNode(t.sizes(), indices), t);
  return out;
}

// ---- index_put_ ----

namespace {

struct IndexPutNode final : NodeOf<2> {
  IndexPutNode(std::span<const Tensor> i, bool a) : indices(i), accumulate(a) {}
  const char* name() const override { return "IndexPutBackward0"; }
  void release_saved() noexcept override { indices.reset(); }
  void backward(Tensor g, Sweep& sweep) override {
    const std::vector<Tensor> at = indices.unpack(*this);
    Tensor rest, part;
    if (sweep.needs(*this, 1)) part = index(g, at);
    if (sweep.needs(*this, 0)) {
      if (accumulate) {
        rest = g;
      } else {
        rest = clone(g);
        index_put_(rest, at, zeros(DimSpan(), g.dtype()), false);
      }
    }
    g = Tensor();
    sweep.send(*this, 0, std::move(rest));
    sweep.send(*this, 1, std::move(part));
  }
  SavedIndices indices;
  bool accumulate;
};

// What is written must not be read at the same time.
void check_separate(const Tensor& written, const Tensor& read) {
  if (!read || read->storage != written->storage || !read.numel() || !written.numel()) return;
  if (!is_dense(read.sizes(), read.strides()) || !is_dense(written.sizes(), written.strides())) return;
  const auto* a = static_cast<const char*>(read.raw());
  const auto* b = static_cast<const char*>(written.raw());
  if (a < b + written.numel() * static_cast<int64_t>(item_size(written.dtype())) &&
      b < a + read.numel() * static_cast<int64_t>(item_size(read.dtype())))
    fail(
        "unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
        "single memory "
        "location. Please clone() the tensor before performing the operation.");
}

}  // namespace

void index_put_(const Tensor& t, std::span<const Tensor> indices, const Tensor& values, bool accumulate) {
  const bool recorded = needs_grad(t, values);
  check_inplace(t, recorded);
  Plan plan(t, indices, true);
  // One value under one mask is a masked_fill, whose mask may be the tensor itself.
  if (!plan.one_mask || values.numel() != 1 || accumulate) {
    check_separate(t, values);
    for (const Tensor& i : indices) check_separate(t, i);
  }
  (void)broadcast_to(values, plan.sizes);
  // One value put under one mask may have any dtype.
  if (values.dtype() != t.dtype() && (accumulate || !plan.one_mask || values.numel() != 1))
    fail("Index put requires the source and destination dtypes match, got ", dtype_scalar_name(t.dtype()),
         " for the destination and ", dtype_scalar_name(values.dtype()), " for the source.");
  plan.locate();
  Tensor from = cast_raw(values, t.dtype());
  if (from->storage == t->storage) from = clone_raw(from);
  Ref<IndexPutNode> node;
  if (recorded) {
    node = new_node<IndexPutNode>(indices, accumulate);
    node->edges()[0] = gradient_edge(t);
    node->edges()[1] = gradient_edge(values);
    if (node->edges()[1].fn && (!same(values.sizes(), plan.sizes) || values.dtype() != t.dtype())) {
      node->extra().input_shapes.push_back({t.dtype(), Dims(t.sizes())});
      node->extra().input_shapes.push_back({values.dtype(), Dims(values.sizes())});
    }
  }
  plan.run(from, broadcast_to(from, plan.sizes), [&](const kernels::IndexLoop& loop) {
    const auto put = accumulate ? kernels::index_add : kernels::index_put;
    put(t.dtype(), loop, static_cast<char*>(t.raw()), static_cast<const char*>(from.raw()));
  });
  finish_inplace(t, node.release());
}

Tensor nonzero(const Tensor& t) {
  const Tensor columns = nonzero_columns(t);
  const int64_t count = columns.size(1);
  return alias(columns, Dims{count, t.ndim()}, Dims{1, count}, columns.raw());
}

}  // namespace hinoko
