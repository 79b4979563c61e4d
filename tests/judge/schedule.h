#pragma once

// The order in which simt/ runs the threads of a block, chosen by a seed. Elsewhere the hardware
// chooses, and the scope does nothing.

#include <cstdint>

#if defined(VOLUTA_SIMT)
#include <voluta/simt/simt.h>
#endif

namespace voluta::judge {

class ScheduleScope {
 public:
  explicit ScheduleScope([[maybe_unused]] uint64_t seed)
#if defined(VOLUTA_SIMT)
      : settings_(with_seed(seed))
#endif
  {
  }

#if defined(VOLUTA_SIMT)
 private:
  static simt::Settings with_seed(uint64_t seed) {
    simt::Settings settings = simt::settings();
    settings.seed = seed;
    return settings;
  }
  simt::ScopedSettings settings_;
#endif
};

}  // namespace voluta::judge
