// Working memory of kernels: one buffer per thread, kept between calls, because fresh pages cost more than
// what a kernel writes to them.
#pragma once

#include <cstddef>

namespace hinoko {

// At least `bytes` (at most a few megabytes), aligned to 64; valid until the thread's next call. Null when
// memory is short.
void* scratch(size_t bytes) noexcept;

}  // namespace hinoko
