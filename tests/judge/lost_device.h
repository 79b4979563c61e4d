#pragma once

// What a test program does when its device is gone: Note [Sticky errors] in judge/device_health.h.
// It leaves at once instead of failing thousands of cases that are sound.

#include <voluta/core/device/device.h>

#include <functional>
#include <string>

namespace voluta::judge {

inline constexpr int kLostDeviceExitCode = 86;

// Where the device does not answer: prints `failure`, the one that it was lost by, does what
// before_leaving() was given, flushes and ends the process with kLostDeviceExitCode.
void leave_if_lost(Device device, const std::string& failure);
void before_leaving(std::function<void()> last_words);

}  // namespace voluta::judge
