#include "base/error.h"

#include <charconv>

namespace hinoko {

void raise(ErrorKind kind, std::string text) { throw Error(kind, std::move(text)); }

namespace detail {

namespace {
template <class Number>
void append_number(std::string& out, Number value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  out.append(text, end);
}
}  // namespace

void append(std::string& out, std::string_view part) { out += part; }
void append(std::string& out, char part) { out += part; }
void append_bool(std::string& out, bool part) { out += part ? "True" : "False"; }
void append(std::string& out, int part) { append_number(out, part); }
void append(std::string& out, long part) { append_number(out, part); }
void append(std::string& out, long long part) { append_number(out, part); }
void append(std::string& out, unsigned part) { append_number(out, part); }
void append(std::string& out, unsigned long part) { append_number(out, part); }
void append(std::string& out, unsigned long long part) { append_number(out, part); }
void append(std::string& out, double part) { append_number(out, part); }

void append(std::string& out, std::span<const int64_t> part) {
  out += '[';
  for (size_t i = 0; i < part.size(); ++i) {
    if (i) out += ", ";
    append_number(out, part[i]);
  }
  out += ']';
}

}  // namespace detail
}  // namespace hinoko
