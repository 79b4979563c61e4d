#pragma once

// Ends a process whose device does not answer: VOLUTA_WATCHDOG=SECONDS.
//
// Note [Watchdog]
// A kernel that never ends blocks the host in the driver, where neither an exception nor a signal's
// flag reaches it; whoever started the process knows nothing until he kills it. With the variable a
// runtime asks again and again whether the work is done, and when it took too long says what it was and
// leaves at once: destructors would wait for the device. Without it nothing is polled.

#include <functional>
#include <string>

namespace voluta {

inline constexpr int kWatchdogExitCode = 97;

class Watchdog {
 public:
  // The variable's text; nullptr or empty: off. Throws invalid() for anything but a number above 0.
  explicit Watchdog(const char* seconds);

  bool is_on() const { return seconds_ > 0; }

  // Only where it is on: returns once finished() says so, passes on what that throws. When the time is
  // up, prints what() and ends the process with kWatchdogExitCode.
  void await(const std::function<bool()>& finished, const std::function<std::string()>& what) const;

 private:
  double seconds_ = 0;
};

}  // namespace voluta
