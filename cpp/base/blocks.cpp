// Medium blocks are kept in lists by size class, eight to an octave. Large ones are mapped one by one, on
// huge pages where the system has them; a cached one serves requests that fill at least seven eighths of it.
#include "base/blocks.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/pool.h"

#if defined(__linux__)
#include <sys/mman.h>
#define HINOKO_MAPPED_BLOCKS 1
#else
#define HINOKO_MAPPED_BLOCKS 0
#endif
#if !defined(_WIN32)
#include <pthread.h>
#include <unistd.h>
#endif

namespace hinoko {

namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kLargeBytes = 256 * 1024;  // from here on blocks are mapped
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kPage = 4096;
constexpr int kMaxCachedLarge = 64;
constexpr int64_t kMaxCachedMedium = int64_t{8} << 20;
constexpr std::chrono::milliseconds kIdle{2000};

int64_t max_cached_bytes() {
#if !defined(_WIN32)
  const int64_t pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  if (pages > 0 && size > 0) return pages * size / 8;
#endif
  return int64_t{1} << 30;
}

BlockStats g_stats = {};
// Bytes of blocks as they were given out, which a request may not fill.
int64_t g_footprint = 0;  // live and cached

// ---- medium blocks ----

struct FreeBlock {
  FreeBlock* next;
};

// Size classes from 1 KB to 256 KB: m * 2^e with m in 8..15.
constexpr int kFirstShift = 7;  // 8 << 7 == 1 KB
constexpr int kClasses = 8 * 8 + 1;

int class_of(size_t bytes) {
  const int shift = std::bit_width(bytes - 1) - 4;
  const size_t steps = ((bytes - 1) >> shift) + 1;  // 9..16
  return (shift - kFirstShift) * 8 + static_cast<int>(steps) - 8;
}
size_t class_bytes(int c) { return static_cast<size_t>(8 + c % 8) << (kFirstShift + c / 8); }

FreeBlock* g_medium[kClasses] = {};
int64_t g_cached_medium = 0;

void release_medium(int64_t down_to) noexcept {
  for (int c = kClasses - 1; c >= 0 && g_cached_medium > down_to; --c)
    while (g_medium[c] && g_cached_medium > down_to) {
      FreeBlock* block = g_medium[c];
      g_medium[c] = block->next;
      std::free(block);
      g_cached_medium -= static_cast<int64_t>(class_bytes(c));
      g_footprint -= static_cast<int64_t>(class_bytes(c));
    }
}

// ---- large blocks ----

struct Header {  // in front of the data of a large block
  size_t mapped;
};

Header* map_block(size_t length) noexcept {
#if HINOKO_MAPPED_BLOCKS
  const bool huge = length >= 2 * kHugePage;
  const size_t room = huge ? length + kHugePage : length;
  void* raw = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  char* start = static_cast<char*>(raw);
  if (huge) {
    const size_t before = (kHugePage - reinterpret_cast<uintptr_t>(start) % kHugePage) % kHugePage;
    if (before) munmap(start, before);
    start += before;
    if (room - before > length) munmap(start + length, room - before - length);
    madvise(start, length, MADV_HUGEPAGE);
  }
#else
  char* start = static_cast<char*>(std::aligned_alloc(kAlignment, length));
  if (!start) return nullptr;
#endif
  auto* header = reinterpret_cast<Header*>(start);
  header->mapped = length;
  return header;
}

void unmap_block(Header* block) noexcept {
#if HINOKO_MAPPED_BLOCKS
  munmap(block, block->mapped);
#else
  std::free(block);
#endif
}

// The cached large blocks, the oldest first. Guarded by a lock of its own, as a thread empties it in the
// background; everything else here is guarded by the GIL.
struct LargeCache {
  std::mutex lock;
  std::condition_variable filled;
  Header* blocks[kMaxCachedLarge];
  int count = 0;
  int64_t bytes = 0;
  uint64_t uses = 0;  // raised by whatever comes or goes
  bool swept_when_idle = false;
  int64_t given_back = 0;  // by the background thread, not yet taken off the footprint
  bool emptied = false;    // by the background thread
  const int64_t max_bytes = max_cached_bytes();

  Header* take(int i) noexcept {
    Header* block = blocks[i];
    std::copy(blocks + i + 1, blocks + count, blocks + i);
    --count;
    bytes -= static_cast<int64_t>(block->mapped);
    return block;
  }
  void sweep_when_idle() noexcept;
};
LargeCache* g_large = nullptr;  // never freed: the background thread may be waiting when the process ends

void LargeCache::sweep_when_idle() noexcept {
  std::unique_lock guard(lock);
  for (;;) {
    while (count == 0) filled.wait(guard);
    const uint64_t before = uses;
    guard.unlock();
    std::this_thread::sleep_for(kIdle);
    guard.lock();
    if (uses != before) continue;
    while (count) {
      Header* block = take(count - 1);
      given_back += static_cast<int64_t>(block->mapped);
      unmap_block(block);
    }
    emptied = true;
  }
}

LargeCache& large() {
  if (g_large) return *g_large;
  g_large = new LargeCache;
#if !defined(_WIN32)
  // The child of a fork has no background thread: it gets one with its next cached block.
  pthread_atfork([] { g_large->lock.lock(); }, [] { g_large->lock.unlock(); },
                 [] {
                   // A fresh lock and condition; the blocks stay.
                   auto* old = g_large;
                   g_large = new LargeCache;
                   std::copy(old->blocks, old->blocks + old->count, g_large->blocks);
                   g_large->count = old->count;
                   g_large->bytes = old->bytes;
                   g_large->given_back = old->given_back;
                 });
#endif
  return *g_large;
}

// Takes over what the background thread did. With the lock held.
void settle(LargeCache& cache) noexcept {
  g_footprint -= std::exchange(cache.given_back, 0);
  if (std::exchange(cache.emptied, false)) g_stats.peak_bytes = g_stats.live_bytes;
}

void release_large(LargeCache& cache, int64_t excess) noexcept {
  while (excess > 0 && cache.count) {
    Header* block = cache.take(0);
    const auto length = static_cast<int64_t>(block->mapped);
    unmap_block(block);
    g_footprint -= length;
    excess -= length;
  }
}

void count_up(size_t bytes) noexcept {
  g_stats.live_bytes += static_cast<int64_t>(bytes);
  g_stats.peak_bytes = std::max(g_stats.peak_bytes, g_stats.live_bytes);
}

// How far a fresh block of so many bytes would lift the footprint above the peak: Note [Bounds of the cache].
int64_t excess_with(size_t bytes) noexcept {
  const auto more = static_cast<int64_t>(bytes);
  return g_footprint + more - std::max(g_stats.peak_bytes, g_stats.live_bytes + more);
}

void* alloc_medium(size_t bytes) noexcept {
  const int c = class_of(bytes);
  const size_t whole = class_bytes(c);
  FreeBlock* block = g_medium[c];
  if (block) {
    g_medium[c] = block->next;
    g_cached_medium -= static_cast<int64_t>(whole);
    ++g_stats.reused;
  } else {
    block = static_cast<FreeBlock*>(
        std::aligned_alloc(kAlignment, (whole + kAlignment - 1) / kAlignment * kAlignment));
    if (!block) return nullptr;
    g_footprint += static_cast<int64_t>(whole);
  }
  count_up(bytes);
  return block;
}

void free_medium(void* data, size_t bytes) noexcept {
  const int c = class_of(bytes);
  const auto whole = static_cast<int64_t>(class_bytes(c));
  if (g_cached_medium + whole > kMaxCachedMedium) {
    std::free(data);
    g_footprint -= whole;
    return;
  }
  auto* block = static_cast<FreeBlock*>(data);
  block->next = g_medium[c];
  g_medium[c] = block;
  g_cached_medium += whole;
}

void* alloc_large(size_t bytes) noexcept {
  const size_t length = (bytes + kAlignment + kPage - 1) / kPage * kPage;
  LargeCache& cache = large();
  Header* block = nullptr;
  {
    const std::lock_guard guard(cache.lock);
    settle(cache);
    ++cache.uses;
    int best = -1;
    for (int i = cache.count - 1; i >= 0; --i) {  // the latest are the warmest
      const size_t mapped = cache.blocks[i]->mapped;
      if (mapped < length || mapped - length > mapped / 8) continue;
      if (best < 0 || mapped < cache.blocks[best]->mapped) best = i;
    }
    if (best >= 0) {
      block = cache.take(best);
      ++g_stats.reused;
    } else {
      const int64_t excess = excess_with(length);
      if (excess > 0) release_large(cache, excess);
    }
  }
  if (!block) {
    const int64_t excess = excess_with(length);
    if (excess > 0) release_medium(std::max<int64_t>(0, g_cached_medium - excess));
    block = map_block(length);
    if (!block) {
      block_trim();
      block = map_block(length);
      if (!block) return nullptr;
    }
    g_footprint += static_cast<int64_t>(length);
  }
  count_up(bytes);
  return reinterpret_cast<char*>(block) + kAlignment;
}

void free_large(void* data) noexcept {
  auto* block = reinterpret_cast<Header*>(static_cast<char*>(data) - kAlignment);
  const auto length = static_cast<int64_t>(block->mapped);
  LargeCache& cache = large();
  const std::lock_guard guard(cache.lock);
  settle(cache);
  ++cache.uses;
  if (!cache.swept_when_idle) {
    try {
      std::thread([&cache] { cache.sweep_when_idle(); }).detach();
      cache.swept_when_idle = true;
    } catch (const std::system_error&) {
    }
  }
  if (!cache.swept_when_idle || length > cache.max_bytes) {
    unmap_block(block);
    g_footprint -= length;
    return;
  }
  if (cache.count == kMaxCachedLarge) release_large(cache, 1);
  release_large(cache, cache.bytes + length - cache.max_bytes);
  cache.blocks[cache.count++] = block;
  cache.bytes += length;
  if (cache.count == 1) cache.filled.notify_one();
}

}  // namespace

void* block_alloc(size_t bytes) noexcept {
  ++g_stats.allocations;
  if (bytes > size_t{1} << 47) return nullptr;
  if (!kPoolEnabled) {
    void* data = std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
    if (data) count_up(bytes);
    return data;
  }
  return bytes <= kLargeBytes ? alloc_medium(bytes) : alloc_large(bytes);
}

void block_free(void* data, size_t bytes) noexcept {
  g_stats.live_bytes -= static_cast<int64_t>(bytes);
  if (!kPoolEnabled) return std::free(data);
  if (bytes <= kLargeBytes) return free_medium(data, bytes);
  free_large(data);
}

BlockStats block_stats() noexcept {
  BlockStats stats = g_stats;
  stats.cached_bytes = g_cached_medium;
  if (g_large) {
    const std::lock_guard guard(g_large->lock);
    settle(*g_large);
    stats.peak_bytes = g_stats.peak_bytes;
    stats.cached_bytes += g_large->bytes;
  }
  return stats;
}

void block_trim() noexcept {
  release_medium(0);
  if (g_large) {
    const std::lock_guard guard(g_large->lock);
    settle(*g_large);
    release_large(*g_large, g_large->bytes);
  }
  g_stats.peak_bytes = g_stats.live_bytes;
}

}  // namespace hinoko
