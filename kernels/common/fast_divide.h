#pragma once

// Division by a number that is fixed while a kernel runs, as a multiplication: what index
// arithmetic in the inner loops of kernels uses.

#include <voluta/core/macros.h>

#include <bit>
#include <cstdint>

namespace voluta {

// Exact for 0 <= dividend < 2^31 and 1 <= divisor < 2^31. With s = ceil(log2 divisor) and
// m = ceil(2^(31+s) / divisor), n / divisor = floor(n * m / 2^(31+s)).
// Source: Granlund and Montgomery 1994, "Division by invariant integers using multiplication", 4.2.
struct FastDivisor {
  uint32_t divisor = 1, multiplier = 0, shift = 0;

  FastDivisor() = default;
  explicit FastDivisor(int64_t by) : divisor(static_cast<uint32_t>(by)) {
    if (divisor == 1) return;  // m would need 33 bits
    const int log2 = static_cast<int>(std::bit_width(divisor - 1));
    multiplier = static_cast<uint32_t>(((uint64_t{1} << (31 + log2)) + divisor - 1) / divisor);
    shift = static_cast<uint32_t>(log2 - 1);
  }

  VOLUTA_HOST_DEVICE int quotient(int dividend) const {
    if (divisor == 1) return dividend;
    const uint64_t product = uint64_t{static_cast<uint32_t>(dividend)} * multiplier;
    return static_cast<int>(static_cast<uint32_t>(product >> 32) >> shift);
  }

  // Replaces `value` by its quotient and returns the remainder.
  VOLUTA_HOST_DEVICE int take_remainder(int& value) const {
    const int whole = quotient(value);
    const int rest = value - whole * static_cast<int>(divisor);
    value = whole;
    return rest;
  }
};

}  // namespace voluta
