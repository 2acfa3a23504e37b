// A team over std::thread. OpenMP's runtimes were looked at first: GNU's hangs in the child of a fork once
// the parent has used it, and none of them is on every machine.
#include "base/parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif
#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace hinoko {

namespace {

thread_local bool t_inside = false;  // this thread runs a piece

constexpr int kMaxThreads = 1024;
constexpr int64_t kPiecesPerThread = 4;  // so that a thread that was held up does not hold up all
constexpr int kSpins = 2000;             // looks before going to sleep: some 20 us

inline void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

int processors() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int threads_at_first() {
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    const long wanted = std::strtol(text, nullptr, 10);
    if (wanted >= 1) return static_cast<int>(std::min<long>(wanted, kMaxThreads));
  }
  return processors();
}

// A job is offered by raising `generation`; whoever sees it takes pieces until none is left.
class Team {
 public:
  // Workers never see the end of the team: they sleep when the process ends.
  void run(int threads, int64_t n, int64_t step, void* context, detail::ParallelTask task) noexcept {
    start(threads - 1);
    {
      const std::lock_guard lock(mutex_);
      context_ = context;
      task_ = task;
      n_ = n;
      step_ = step;
      helpers_wanted_ = threads - 1;
      next_.store(0, std::memory_order_relaxed);
      generation_.fetch_add(1, std::memory_order_release);
      if (sleeping_) wake_.notify_all();
    }
    t_inside = true;
    work(task, context, n, step);
    t_inside = false;
    {
      // From here on nobody may join the job; those who have joined are waited for.
      const std::lock_guard lock(mutex_);
      helpers_wanted_ = 0;
    }
    for (int spins = 0; busy_.load(std::memory_order_acquire) != 0; ++spins)
      if (spins < kSpins) {
        pause();
      } else {
        std::this_thread::yield();
      }
  }

 private:
  void start(int workers) noexcept {
    while (started_ < workers) {
      try {
        std::thread([this] { serve(); }).detach();
      } catch (const std::system_error&) {
        return;  // the caller does the work
      }
      ++started_;
    }
  }

  void work(detail::ParallelTask task, void* context, int64_t n, int64_t step) noexcept {
    for (;;) {
      const int64_t begin = next_.fetch_add(step, std::memory_order_relaxed);
      if (begin >= n) return;
      task(context, begin, std::min(n, begin + step));
    }
  }

  void serve() noexcept {
    t_inside = true;
    uint64_t seen = 0;
    for (;;) {
      for (int spins = 0; spins < kSpins && generation_.load(std::memory_order_acquire) == seen; ++spins)
        pause();
      std::unique_lock lock(mutex_);
      while (generation_.load(std::memory_order_relaxed) == seen) {
        ++sleeping_;
        wake_.wait(lock);
        --sleeping_;
      }
      seen = generation_.load(std::memory_order_relaxed);
      if (helpers_wanted_ == 0) continue;
      --helpers_wanted_;
      busy_.fetch_add(1, std::memory_order_relaxed);
      const auto task = task_;
      void* const context = context_;
      const int64_t n = n_, step = step_;
      lock.unlock();
      work(task, context, n, step);
      busy_.fetch_sub(1, std::memory_order_release);
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<uint64_t> generation_{0};
  std::atomic<int64_t> next_{0};
  std::atomic<int> busy_{0};
  int started_ = 0, sleeping_ = 0, helpers_wanted_ = 0;
  void* context_ = nullptr;
  detail::ParallelTask task_ = nullptr;
  int64_t n_ = 0, step_ = 0;
};

std::atomic<int> g_threads{threads_at_first()};
Team* g_team = nullptr;        // never freed: its threads may be running when the process ends
std::mutex* g_turn = nullptr;  // one job at a time

void forget_team() {
  // The child of a fork has none of the threads, and the locks may be held for ever: both are made anew.
  g_team = nullptr;
  g_turn = nullptr;
  t_inside = false;
}

std::once_flag g_fork_watched;

bool prepare() noexcept {
  static std::mutex making;
  const std::lock_guard lock(making);
  if (g_team) return true;
#if !defined(_WIN32)
  std::call_once(g_fork_watched, [] { pthread_atfork(nullptr, nullptr, forget_team); });
#endif
  auto* turn = new (std::nothrow) std::mutex;
  auto* team = new (std::nothrow) Team;
  if (!turn || !team) {
    delete turn;
    delete team;
    return false;
  }
  g_turn = turn;
  g_team = team;
  return true;
}

}  // namespace

int num_threads() noexcept { return g_threads.load(std::memory_order_relaxed); }
void set_num_threads(int count) {
  g_threads.store(std::clamp(count, 1, kMaxThreads), std::memory_order_relaxed);
}

void detail::run_parallel(int64_t n, int64_t grain, void* context, ParallelTask task) noexcept {
  const int64_t grains = (n + grain - 1) / grain;
  const int threads = static_cast<int>(std::min<int64_t>(num_threads(), grains));
  if (threads < 2 || t_inside || (!g_team && !prepare())) return task(context, 0, n);
  const std::unique_lock turn(*g_turn, std::try_to_lock);
  if (!turn) return task(context, 0, n);  // another thread of the program has the pool
  const int64_t pieces = std::min(grains, threads * kPiecesPerThread);
  const int64_t step = (grains + pieces - 1) / pieces * grain;
  g_team->run(threads, n, step, context, task);
}

}  // namespace hinoko
