// Blocks that are too large for the pool, and a cache of them: fresh pages cost more than the arithmetic that
// fills them.
//
// Note [Bounds of the cache]
// Live and cached bytes together never exceed what was live at the peak: where a program would need more,
// cached blocks go first. So the footprint's peak is that of a program without a cache. The cache also keeps
// at most an eighth of the machine's memory. Once no large block came or went for two seconds, all of it is
// given back, and the peak counts anew. Under a sanitizer each block is its own malloc.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hinoko {

// Aligned to 64 bytes, contents undefined; null when memory is short. `bytes` is above kPoolMaxBytes.
// Like the pool, these are called with the GIL held.
void* block_alloc(size_t bytes) noexcept;
void block_free(void* data, size_t bytes) noexcept;  // `bytes` as for block_alloc

struct BlockStats {
  int64_t live_bytes, peak_bytes;  // peak: since the cache was last emptied
  int64_t cached_bytes;
  int64_t allocations, reused;  // how many blocks were asked for, and how many of them the cache had
};
BlockStats block_stats() noexcept;
void block_trim() noexcept;  // gives all cached blocks back

}  // namespace hinoko
