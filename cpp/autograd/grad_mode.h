// Whether operations are recorded, per thread.
#pragma once

#include <utility>

namespace hinoko {

// The initial-exec model makes the flag one load away; it needs a few bytes of the static TLS that
// glibc keeps for libraries loaded late.
#if defined(__GLIBC__) || defined(__linux__)
#define HINOKO_FAST_TLS __attribute__((tls_model("initial-exec")))
#else
#define HINOKO_FAST_TLS
#endif

extern thread_local bool g_grad_enabled HINOKO_FAST_TLS;

inline bool grad_enabled() noexcept { return g_grad_enabled; }

class GradModeGuard {
 public:
  explicit GradModeGuard(bool enabled) noexcept : before_(std::exchange(g_grad_enabled, enabled)) {}
  ~GradModeGuard() { g_grad_enabled = before_; }
  GradModeGuard(const GradModeGuard&) = delete;
  GradModeGuard& operator=(const GradModeGuard&) = delete;

 private:
  bool before_;
};

}  // namespace hinoko
