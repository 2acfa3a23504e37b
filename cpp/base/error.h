// Errors of the core. The core knows nothing of Python: it throws hinoko::Error with the kind of
// exception that torch raises for the same mistake; bindings/ translates it in one place.
// Everything here is cold: callers test a condition and call a [[noreturn]] function.
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace hinoko {

enum class ErrorKind : uint8_t { Runtime, Value, Type, Index, NotImplemented, Buffer, OutOfMemory };

class Error final : public std::exception {
 public:
  Error(ErrorKind kind, std::string text) : kind_(kind), text_(std::move(text)) {}
  const char* what() const noexcept override { return text_.c_str(); }
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
  std::string text_;
};

// Thrown through the core when code outside of it (a hook) failed and the error is already
// recorded where the bindings will find it.
class ForeignError final : public std::exception {};

namespace detail {
void append(std::string& out, std::string_view part);
void append(std::string& out, char part);
void append_bool(std::string& out, bool part);
void append(std::string& out, int part);
void append(std::string& out, long part);
void append(std::string& out, long long part);
void append(std::string& out, unsigned part);
void append(std::string& out, unsigned long part);
void append(std::string& out, unsigned long long part);
void append(std::string& out, double part);
void append(std::string& out, std::span<const int64_t> part);  // "[2, 3]"
// A template, so that a string literal (a pointer) does not turn into a bool.
template <class B>
  requires std::same_as<B, bool>
void append(std::string& out, B part) {
  append_bool(out, part);
}
template <class Part>
concept Appendable = requires(std::string& out, const Part& part) { append(out, part); };
}  // namespace detail

// Joins its arguments to one string: text, numbers, shapes.
template <detail::Appendable... Parts>
std::string cat(const Parts&... parts) {
  std::string out;
  (detail::append(out, parts), ...);
  return out;
}

[[noreturn]] void raise(ErrorKind kind, std::string text);

template <class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void fail(ErrorKind kind, const Parts&... parts) {
  raise(kind, cat(parts...));
}
template <class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void fail(const Parts&... parts) {
  raise(ErrorKind::Runtime, cat(parts...));
}

}  // namespace hinoko
