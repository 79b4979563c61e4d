#pragma once

// The one line that an exhausted pool leaves behind.

#include <voluta/core/device/runtime.h>
#include <voluta/core/memory/memory_stats.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace voluta {

struct OutOfMemory {
  std::string place;  // "cuda:0", "pinned host memory"
  std::string tag;    // of the request
  std::size_t bytes = 0;
  std::optional<MemoryInfo> device;  // absent where the device did not answer
  MemoryStats pool;
  std::size_t limit_bytes = SIZE_MAX;
  std::vector<std::pair<std::string, std::size_t>> holders;  // tag, bytes of live blocks
  std::string advice;                                        // the planner's; may be empty
};

std::string to_string(OutOfMemory report);

}  // namespace voluta
