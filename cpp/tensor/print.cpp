// Printing in two passes: one over the elements that will be shown, to find the common format
// (only the extremes are formatted for it), and one that writes straight into the result.
#include "tensor/print.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <memory>
#include <type_traits>

namespace hinoko {

namespace {

constexpr size_t kFixedDigits = 320;  // sign, 309 digits and the point of the largest double

// Line breaking counts characters, as Python's len does, not UTF-8 bytes.
int64_t text_length(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; });
}

void append_int(std::string& out, int64_t value) {
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

// "inf", "-inf" or "nan" for values that are not finite; returns the end.
char* write_special(char* at, double value) {
  if (std::isnan(value)) return std::copy_n("nan", 3, at);
  if (value < 0) *at++ = '-';
  return std::copy_n("inf", 3, at);
}

class FloatFormat {
 public:
  explicit FloatFormat(const PrintOptions& options)
      : precision_(std::max(options.precision, 0)), sci_mode_(options.sci_mode) {
    if (precision_ > 64) {
      large_ = std::make_unique<char[]>(kFixedDigits + static_cast<size_t>(precision_));
      buffer_ = large_.get();
      capacity_ = kFixedDigits + static_cast<size_t>(precision_);
    }
  }
  FloatFormat(const FloatFormat&) = delete;
  FloatFormat& operator=(const FloatFormat&) = delete;

  void see(double value) {
    if (value == 0 || !std::isfinite(value)) return;
    integral_ = integral_ && std::ceil(value) == value;
    if (value > 0) {
      low_positive_ = std::min(low_positive_, value);
      high_positive_ = std::max(high_positive_, value);
    } else {
      low_negative_ = std::min(low_negative_, -value);
      high_negative_ = std::max(high_negative_, -value);
    }
  }

  void decide() {
    const double high = std::max(high_positive_, high_negative_);
    if (high == 0) return;  // nothing but zeros and non-finite values: "0."
    const double low = std::min(low_positive_, low_negative_);
    sci_ = sci_mode_ < 0 ? high / low > 1000. || high > 1e8 || low < 1e-4 : sci_mode_ != 0;
    // The length grows with the magnitude (or, for exponents, towards both ends), so that the
    // extremes of either sign are the longest texts.
    if (high_positive_ > 0) {
      widen(high_positive_);
      if (sci_) widen(low_positive_);
    }
    if (high_negative_ > 0) {
      widen(-high_negative_);
      if (sci_) widen(-low_negative_);
    }
  }

  int64_t width() const { return width_; }

  std::string_view text(double value) {
    char* end;
    if (!std::isfinite(value)) {
      end = write_special(buffer_, value);
    } else if (sci_) {
      end = std::to_chars(buffer_, buffer_ + capacity_, value, std::chars_format::scientific, precision_).ptr;
    } else if (integral_) {
      if (value != 0 && std::fabs(value) < 1e15) {
        end = std::to_chars(buffer_, buffer_ + capacity_, static_cast<int64_t>(value)).ptr;
      } else {
        end = std::to_chars(buffer_, buffer_ + capacity_, value, std::chars_format::fixed, 0).ptr;
      }
      *end++ = '.';
    } else {
      end = std::to_chars(buffer_, buffer_ + capacity_, value, std::chars_format::fixed, precision_).ptr;
    }
    return {buffer_, static_cast<size_t>(end - buffer_)};
  }

 private:
  void widen(double value) { width_ = std::max(width_, static_cast<int64_t>(text(value).size())); }

  int precision_;
  int sci_mode_;
  bool integral_ = true;
  bool sci_ = false;
  int64_t width_ = 1;
  double low_positive_ = std::numeric_limits<double>::infinity();  // magnitudes, by sign
  double high_positive_ = 0;
  double low_negative_ = std::numeric_limits<double>::infinity();
  double high_negative_ = 0;
  char small_[kFixedDigits + 64];
  std::unique_ptr<char[]> large_;
  char* buffer_ = small_;
  size_t capacity_ = sizeof small_;
};

class IntFormat {
 public:
  explicit IntFormat(const PrintOptions&) {}
  void see(int64_t value) {
    low_ = std::min(low_, value);
    high_ = std::max(high_, value);
  }
  void decide() {  // with nothing seen both are 0, of width 1
    width_ = static_cast<int64_t>(std::max(text(low_).size(), text(high_).size()));
  }
  int64_t width() const { return width_; }
  std::string_view text(int64_t value) {
    const char* end = std::to_chars(buffer_, buffer_ + sizeof buffer_, value).ptr;
    return {buffer_, static_cast<size_t>(end - buffer_)};
  }

 private:
  int64_t low_ = 0;  // 0 is no longer than any other number
  int64_t high_ = 0;
  int64_t width_ = 1;
  char buffer_[24];
};

class BoolFormat {
 public:
  explicit BoolFormat(const PrintOptions&) {}
  void see(bool value) { width_ = std::max<int64_t>(width_, value ? 4 : 5); }
  void decide() {}
  int64_t width() const { return width_; }
  std::string_view text(bool value) { return value ? "True" : "False"; }

 private:
  int64_t width_ = 1;
};

template <DType kDType>
struct FormatOf {
  using type = std::conditional_t<is_floating(kDType), FloatFormat, IntFormat>;
  using value_type = std::conditional_t<is_floating(kDType), double, int64_t>;
};
template <>
struct FormatOf<DType::Bool> {
  using type = BoolFormat;
  using value_type = bool;
};

template <class T>
class Body {
 public:
  Body(const PrintSource& source, const PrintOptions& options, bool summarize, std::string& out)
      : sizes_(source.sizes),
        strides_(source.strides),
        linewidth_(options.linewidth),
        edge_(std::max<int64_t>(options.edgeitems, 0)),
        summarize_(summarize),
        format_(options),
        out_(out) {}

  void write(const T* data, int64_t indent) {
    scan(0, data);
    format_.decide();
    if (sizes_.empty()) {
      element(*data);
    } else {
      slice(0, data, indent);
    }
  }

 private:
  using Format = typename FormatOf<dtype_of<T>>::type;
  using Value = typename FormatOf<dtype_of<T>>::value_type;

  // Written so that 2 * edge cannot overflow.
  bool shortened(int64_t size) const { return summarize_ && size - edge_ > edge_; }

  void scan(size_t dim, const T* data) {
    if (dim == sizes_.size()) return format_.see(static_cast<Value>(*data));
    const int64_t size = sizes_[dim], stride = strides_[dim];
    const bool cut = shortened(size);
    const int64_t head = cut ? edge_ : size;
    for (int64_t i = 0; i < head; ++i) scan(dim + 1, data + i * stride);
    if (!cut) return;
    for (int64_t i = size - edge_; i < size; ++i) scan(dim + 1, data + i * stride);
  }

  void element(T value) {
    const std::string_view text = format_.text(static_cast<Value>(value));
    const int64_t missing = format_.width() - static_cast<int64_t>(text.size());
    if (missing > 0) out_.append(static_cast<size_t>(missing), ' ');
    out_ += text;
  }

  void slice(size_t dim, const T* data, int64_t indent) {
    out_ += '[';
    if (dim + 1 == sizes_.size()) {
      row(dim, data, indent);
    } else {
      rows(dim, data, indent);
    }
    out_ += ']';
  }

  void row(size_t dim, const T* data, int64_t indent) {
    const int64_t size = sizes_[dim], stride = strides_[dim];
    const bool cut = shortened(size);
    if (cut && edge_ == 0) {
      out_ += "...";
      return;
    }
    const int64_t room = linewidth_ - indent, length = format_.width() + 2;
    const int64_t per_line = room < length ? 1 : room / length;
    int64_t column = 0;
    const auto separate = [&] {
      if (column == per_line) {
        out_ += ",\n";
        out_.append(static_cast<size_t>(indent + 1), ' ');
        column = 0;
      } else if (column > 0) {
        out_ += ", ";
      }
      ++column;
    };
    for (int64_t i = 0; i < size; ++i) {
      if (cut && i == edge_) {
        separate();
        out_ += " ...";
        i = size - edge_;
      }
      separate();
      element(data[i * stride]);
    }
  }

  void rows(size_t dim, const T* data, int64_t indent) {
    const int64_t size = sizes_[dim], stride = strides_[dim];
    const bool cut = shortened(size);
    const auto separate = [&] {
      out_ += ',';
      out_.append(sizes_.size() - dim - 1, '\n');
      out_.append(static_cast<size_t>(indent + 1), ' ');
    };
    for (int64_t i = 0; i < size; ++i) {
      if (i > 0) separate();
      if (cut && i == edge_) {
        out_ += "...";
        i = size - edge_;
        if (i == size) break;
        separate();
      }
      slice(dim + 1, data + i * stride, indent + 1);
    }
  }

  std::span<const int64_t> sizes_, strides_;
  int64_t linewidth_;
  int64_t edge_;
  bool summarize_;
  Format format_;
  std::string& out_;
};

// Appends ", suffix" where it fits, else on a line of its own.
class SuffixWriter {
 public:
  SuffixWriter(std::string& out, int64_t indent, int64_t linewidth)
      : out_(out), indent_(indent), linewidth_(linewidth) {
    const size_t newline = out.rfind('\n');
    const size_t start = newline == std::string::npos ? 0 : newline + 1;
    // The count that torch makes: two more than the characters on the line.
    last_line_ = text_length(std::string_view(out).substr(start)) + 2;
  }

  void add(std::string_view head, std::string_view name, std::string_view tail = {}) {
    const int64_t length = text_length(head) + text_length(name) + text_length(tail);
    if (last_line_ + length + 2 > linewidth_) {
      out_ += ",\n";
      out_.append(static_cast<size_t>(indent_), ' ');
      last_line_ = indent_ + length;
    } else {
      out_ += ", ";
      last_line_ += length + 2;
    }
    out_ += head;
    out_ += name;
    out_ += tail;
  }

 private:
  std::string& out_;
  int64_t indent_;
  int64_t linewidth_;
  int64_t last_line_;
};

std::string tuple_text(std::span<const int64_t> sizes) {
  std::string out = "(";
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (i) out += ", ";
    append_int(out, sizes[i]);
  }
  out += sizes.size() == 1 ? ",)" : ")";
  return out;
}

}  // namespace

std::string tensor_to_string(const PrintSource& source, const PrintOptions& options,
                             const PrintSuffix& suffix, std::string_view prefix) {
  std::string out;
  out.reserve(prefix.size() + suffix.grad_fn.size() + 64);
  out += prefix;
  const int64_t indent = text_length(prefix);
  const bool empty = std::find(source.sizes.begin(), source.sizes.end(), 0) != source.sizes.end();
  if (empty) {
    out += "[]";
  } else {
    double numel = 1;
    for (const int64_t size : source.sizes) numel *= static_cast<double>(size);
    dispatch(source.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      Body<T> body(source, options, numel > options.threshold, out);
      body.write(static_cast<const T*>(source.data), indent);
    });
  }

  const DType dtype = source.dtype;
  const bool show_size = empty ? source.sizes.size() != 1 : options.edgeitems == 0;
  const bool show_dtype =
      dtype != suffix.default_dtype && (empty || (dtype != DType::Int64 && dtype != DType::Bool));
  if (show_size || show_dtype || suffix.requires_grad || !suffix.grad_fn.empty()) {
    SuffixWriter writer(out, indent, options.linewidth);
    if (show_size) writer.add("size=", tuple_text(source.sizes));
    if (show_dtype) writer.add("dtype=torch.", dtype_name(dtype));
    if (!suffix.grad_fn.empty()) {
      writer.add("grad_fn=<", suffix.grad_fn, ">");
    } else if (suffix.requires_grad) {
      writer.add("requires_grad=True", {});
    }
  }
  out += ')';
  return out;
}

std::string float_repr(double value) {
  char text[40];
  if (!std::isfinite(value)) return {text, write_special(text, value)};
  const double size = std::fabs(value);
  // Python leaves the fixed notation below 1e-4 and from 1e16 on.
  if (size != 0 && (size < 1e-4 || size >= 1e16)) {
    return {text, std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr};
  }
  char* end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed).ptr;
  if (std::find(text, end, '.') == end) end = std::copy_n(".0", 2, end);
  return {text, end};
}

}  // namespace hinoko
