#pragma once

// How much shared memory kernels of mma.sync count on, in bytes, and how many of their blocks run at once.

#include <voluta/core/device/device.h>

#include <algorithm>

namespace voluta {

// What a block may take: every chip from sm_80 on gives 99 KiB.
inline constexpr int64_t kMostShared = 96 * 1024;

// What a Hopper multiprocessor has, and keeps for each block.
inline constexpr int64_t kMultiprocessorShared = 228 * 1024, kReservedShared = 1024;

// How many blocks of `bytes` run at once, as many on a multiprocessor of Hopper as it holds, at most `most`.
// Elsewhere some may wait for others.
inline int64_t blocks_at_once(Device device, int64_t bytes, int64_t most) {
  const int64_t fit = kMultiprocessorShared / (bytes + kReservedShared);
  return std::clamp<int64_t>(fit, 1, most) * multiprocessors(device);
}

}  // namespace voluta
