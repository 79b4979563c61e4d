#include <voluta/core/device/watchdog.h>
#include <voluta/core/error.h>

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace voluta {
namespace {

using Clock = std::chrono::steady_clock;

// Most work is done within the first; a layer's run is not to be measured in periods of the second.
constexpr auto kSpinning = std::chrono::milliseconds(1);
constexpr auto kBetweenLooks = std::chrono::microseconds(100);

}  // namespace

Watchdog::Watchdog(const char* seconds) {
  if (seconds == nullptr || *seconds == '\0') return;
  char* end = nullptr;
  seconds_ = std::strtod(seconds, &end);
  if (*end != '\0' || !std::isfinite(seconds_) || !(seconds_ > 0)) {
    invalid("VOLUTA_WATCHDOG='" + std::string(seconds) +
            "' is no number of seconds above 0; leave it out to wait for ever");
  }
}

void Watchdog::await(const std::function<bool()>& finished,
                     const std::function<std::string()>& what) const {
  const Clock::time_point begin = Clock::now();
  while (!finished()) {
    const Clock::duration waited = Clock::now() - begin;
    if (std::chrono::duration<double>(waited).count() > seconds_) {
      std::fflush(stdout);
      std::fprintf(stderr, "VOLUTA_WATCHDOG: the device did not finish in %g s; %s\n", seconds_,
                   what().c_str());
      std::fflush(stderr);
      ::_exit(kWatchdogExitCode);
    }
    if (waited > kSpinning) std::this_thread::sleep_for(kBetweenLooks);
  }
}

}  // namespace voluta
