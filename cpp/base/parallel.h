// Threads for loops over large buffers. parallel_for cuts a range at places that depend on the range alone,
// so that no result depends on the number of threads. One team of threads serves the process: it starts when
// first needed, sleeps when idle, and starts anew in the child of a fork.
#pragma once

#include <cstdint>
#include <type_traits>

namespace hinoko {

// How many threads a large operation may use, the calling one included. At first: what OMP_NUM_THREADS says,
// else the processors that this process may run on.
int num_threads() noexcept;
void set_num_threads(int count);  // at least 1

namespace detail {
using ParallelTask = void (*)(void* context, int64_t begin, int64_t end) noexcept;
void run_parallel(int64_t n, int64_t grain, void* context, ParallelTask task) noexcept;
}  // namespace detail

// Calls f(begin, end) for pieces that make up [0, n), each but the last a multiple of `grain` long, perhaps
// at the same time. `f` must not throw, and touches neither reference counts nor pools nor Python. What is
// not longer than one grain, and what is called from inside another piece, runs on the calling thread.
template <class F>
void parallel_for(int64_t n, int64_t grain, F&& f) {
  if (n <= 0) return;
  if (n <= grain || num_threads() == 1) return f(int64_t{0}, n);
  using Function = std::remove_reference_t<F>;
  detail::run_parallel(n, grain, const_cast<void*>(static_cast<const void*>(&f)),
                       [](void* context, int64_t begin, int64_t end) noexcept {
                         (*static_cast<Function*>(context))(begin, end);
                       });
}

// So many bytes are worth a thread's while where a kernel's work is reading them.
inline constexpr int64_t kGrainBytes = int64_t{1} << 18;

// parallel_for over elements whose results do not depend on where the range is cut: a second thread from
// 32768 on, and even shares.
template <class F>
void parallel_elements(int64_t n, F&& f) {
  parallel_for(n, n <= 32768 ? 32768 : 4096, f);
}

}  // namespace hinoko
