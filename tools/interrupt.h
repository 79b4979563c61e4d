#pragma once

// SIGINT, SIGTERM and SIGHUP (a terminal that goes) as a wish to stop: the first one sets a flag, the
// second ends the process. Under nohup SIGHUP stays ignored.

#include <atomic>

namespace voluta::cli {

class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();  // restores the handlers
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  const std::atomic<bool>& requested() const;
  int exit_code() const;  // 130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP
};

}  // namespace voluta::cli
