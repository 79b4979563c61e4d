#pragma once

// What a memory pool knows about itself, and bytes for people.

#include <cstddef>
#include <string>

namespace voluta {

struct MemoryStats {
  std::size_t requested_bytes = 0;  // of live blocks, as asked for
  std::size_t allocated_bytes = 0;  // of live blocks, rounded up to the pool's sizes
  std::size_t reserved_bytes = 0;   // taken from the device: allocated + free + pending
  std::size_t free_bytes = 0;       // cached, ready for the next allocation
  std::size_t pending_bytes = 0;    // given back while another stream may still use them
  std::size_t largest_free_bytes = 0;
  std::size_t peak_allocated_bytes = 0, peak_reserved_bytes = 0;
  std::size_t segments = 0;  // allocations made from the device and held
  std::size_t blocks = 0;    // live
  std::size_t allocations = 0, frees = 0;

  // The share of the free bytes outside the largest free piece: 0 is unbroken.
  double fragmentation() const {
    if (free_bytes == 0) return 0;
    return 1.0 - static_cast<double>(largest_free_bytes) / static_cast<double>(free_bytes);
  }
};

std::string format_bytes(std::size_t bytes);  // "512 B", "1.50 MiB", "139.81 GiB"

}  // namespace voluta
