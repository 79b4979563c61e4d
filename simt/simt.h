#pragma once

// Runs a grid of CUDA threads on the CPU. See simt/README.md.

#include <voluta/core/device/runtime.h>

#include <cstdint>
#include <functional>

namespace voluta::simt {

struct Settings {
  uint64_t seed = 0;  // of the order of threads and blocks; 0: ascending
  int threads = 1;    // OS threads that share the blocks of a grid
};

// VOLUTA_SIMT_SEED and VOLUTA_SIMT_THREADS (default: the machine's cores, at most 16), or what a
// ScopedSettings has put in force.
Settings settings();

class ScopedSettings {
 public:
  explicit ScopedSettings(const Settings& replacement);
  ~ScopedSettings();
  ScopedSettings(const ScopedSettings&) = delete;
  ScopedSettings& operator=(const ScopedSettings&) = delete;

 private:
  Settings previous_;
};

// Throws what CUDA calls an invalid configuration (kFailed, as from CUDA), naming kernel and shape.
void check_launch(const LaunchShape& shape, const char* name);

// Runs `body` once per CUDA thread of the grid. Throws Error for the first thread that throws, and
// for a misuse of barriers, warp operations or shared memory; the message names kernel, block,
// thread and line. The outcome does not depend on settings.threads unless the kernel has a race.
void run_grid(const LaunchShape& shape, const char* name, const std::function<void()>& body,
              const Settings& settings);

}  // namespace voluta::simt
