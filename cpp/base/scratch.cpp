#include "base/scratch.h"

#include <cstdlib>

namespace hinoko {

namespace {

struct Buffer {
  void* data = nullptr;
  size_t bytes = 0;
  ~Buffer() { std::free(data); }
};
thread_local Buffer t_buffer;

}  // namespace

void* scratch(size_t bytes) noexcept {
  Buffer& buffer = t_buffer;
  if (bytes > buffer.bytes) {
    std::free(buffer.data);
    bytes = (bytes + 4095) / 4096 * 4096;
    buffer.data = std::aligned_alloc(4096, bytes);
    buffer.bytes = buffer.data ? bytes : 0;
  }
  return buffer.data;
}

}  // namespace hinoko
