#include "base/pool.h"

#include <new>

namespace hinoko {

Pool g_pool;

namespace {
constexpr size_t kSlabBytes = 64 * 1024;
}

void* pool_refill(size_t size_class) {
  const size_t bytes = size_class ? size_class * kPoolGranule : kPoolGranule;
  if (!kPoolEnabled || size_class > kPoolMaxBytes / kPoolGranule) {
    if (void* block = std::malloc(bytes)) return block;
    --g_pool.live_blocks;
    throw std::bad_alloc();
  }
  // One slab is cut into blocks of this class; slabs live as long as the process.
  char* slab = static_cast<char*>(std::malloc(kSlabBytes));
  if (!slab) {
    --g_pool.live_blocks;
    throw std::bad_alloc();
  }
  g_pool.slab_bytes += static_cast<int64_t>(kSlabBytes);
  const size_t count = kSlabBytes / bytes;
  Pool::FreeBlock* head = nullptr;
  for (size_t i = count; i-- > 1;) {
    auto* block = reinterpret_cast<Pool::FreeBlock*>(slab + i * bytes);
    block->next = head;
    head = block;
  }
  g_pool.free[size_class] = head;
  return slab;
}

}  // namespace hinoko
