// Which kernels run: asks the processor, and the environment.
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "kernels/kernels.h"

namespace hinoko::kernels {

namespace baseline {
const Table& table();
}
#if HINOKO_X86_KERNELS
namespace avx2 {
const Table& table();
}
namespace avx512 {
const Table& table();
}
#endif

Table active;

namespace {

Capability g_capability = Capability::Default;

struct Choice {
  const char* name;    // as torch prints it
  const char* wanted;  // in the environment
  const Table& (*table)();
};
constexpr Choice kChoices[] = {
    {"DEFAULT", "default", baseline::table},
#if HINOKO_X86_KERNELS
    {"AVX2", "avx2", avx2::table},
    {"AVX512", "avx512", avx512::table},
#endif
};

}  // namespace

const char* capability_name(Capability c) { return kChoices[static_cast<size_t>(c)].name; }
Capability active_capability() { return g_capability; }

// Must hold: it asks for every extension that CMakeLists.txt lets the compiler use. (The compiler's runtime
// looks whether the operating system saves the wide registers, too.)
Capability best_capability() {
#if HINOKO_X86_KERNELS
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  if (avx512) return Capability::Avx512;
  if (avx2) return Capability::Avx2;
#endif
  return Capability::Default;
}

void select() {
  Capability chosen = best_capability();
  if (const char* wanted = std::getenv("HINOKO_CPU_CAPABILITY"); wanted && *wanted) {
    bool known = false;
    for (size_t i = 0; i < std::size(kChoices); ++i) {
      if (std::strcmp(wanted, kChoices[i].wanted) != 0) continue;
      known = true;
      if (i < static_cast<size_t>(chosen)) chosen = static_cast<Capability>(i);
    }
    if (!known && std::strcmp(wanted, "avx2") != 0 && std::strcmp(wanted, "avx512") != 0)
      fail(ErrorKind::Value, "HINOKO_CPU_CAPABILITY is \"", wanted, "\"; it can be default, avx2 or avx512");
  }
  g_capability = chosen;
  active = kChoices[static_cast<size_t>(chosen)].table();
}

}  // namespace hinoko::kernels
