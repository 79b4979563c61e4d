#pragma once

// Whether a device still works after an engine failed on it.
//
// Note [Sticky errors]
// A kernel that touches an illegal address, or that the driver ends, takes the CUDA context of its
// process with it: every later call fails with the same error, and nothing but a new process helps.
// Going on would fail every problem that comes after, whatever is right about it.

#include <voluta/core/device/stream.h>

#include <string>

namespace voluta::judge {

// Empty where a new stream fills and copies a few bytes; else what the runtime said.
std::string device_fault(Device device);

}  // namespace voluta::judge
