// Free lists for everything that an operation allocates: tensors, nodes, shapes, small buffers.
// Blocks come in size classes of 16 bytes; after warm-up an allocation is a pop, a release a push.
// Lists are guarded by the caller's lock (the GIL); see Note [Counts and locks] in base/ref.h.
// Under a sanitizer every block is its own malloc, so that misuse is seen; counting stays on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace hinoko {

inline constexpr size_t kPoolGranule = 16;
inline constexpr size_t kPoolMaxBytes = 1024;

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kPoolEnabled = false;
#else
inline constexpr bool kPoolEnabled = true;
#endif

struct Pool {
  struct FreeBlock {
    FreeBlock* next;
  };
  FreeBlock* free[kPoolMaxBytes / kPoolGranule + 1] = {};
  int64_t live_blocks = 0;
  int64_t slab_bytes = 0;
};
extern Pool g_pool;

void* pool_refill(size_t size_class);

inline void* pool_alloc(size_t bytes) {
  ++g_pool.live_blocks;
  const size_t size_class = (bytes + kPoolGranule - 1) / kPoolGranule;
  if (kPoolEnabled && size_class <= kPoolMaxBytes / kPoolGranule) {
    if (Pool::FreeBlock* block = g_pool.free[size_class]) {
      g_pool.free[size_class] = block->next;
      return block;
    }
  }
  return pool_refill(size_class);
}

inline void pool_free(void* block, size_t bytes) noexcept {
  --g_pool.live_blocks;
  const size_t size_class = (bytes + kPoolGranule - 1) / kPoolGranule;
  if (kPoolEnabled && size_class <= kPoolMaxBytes / kPoolGranule) {
    auto* head = static_cast<Pool::FreeBlock*>(block);
    head->next = g_pool.free[size_class];
    g_pool.free[size_class] = head;
    return;
  }
  std::free(block);
}

// Gives a class its place in the pool.
struct Pooled {
  static void* operator new(size_t bytes) { return pool_alloc(bytes); }
  static void* operator new(size_t, void* place) noexcept { return place; }
  static void operator delete(void* block, size_t bytes) noexcept { pool_free(block, bytes); }
};

}  // namespace hinoko
