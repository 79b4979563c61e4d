#pragma once

// What loops of the CPU engines share.

#include <cstdint>

namespace voluta {

// Below this many elements of a loop that only moves memory or adds, waking threads costs more than it.
inline constexpr int64_t kParallelElements = 32768;

}  // namespace voluta
