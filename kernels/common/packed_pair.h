#pragma once

// Two neighbouring 16-bit numbers (BFloat16 or Float16) as 32 bits, the first in the low half.

#include <voluta/core/dtype.h>
#include <voluta/core/macros.h>

#include <cstdint>

namespace voluta {

template <class T>
VOLUTA_HOST_DEVICE inline uint32_t packed(float first, float second) {
  return static_cast<uint32_t>(T(second).bits) << 16 | T(first).bits;
}

template <class T>
VOLUTA_HOST_DEVICE inline void unpack(uint32_t bits, float (&pair)[2]) {
  T first, second;
  first.bits = static_cast<uint16_t>(bits & 0xffff);
  second.bits = static_cast<uint16_t>(bits >> 16);
  pair[0] = static_cast<float>(first);
  pair[1] = static_cast<float>(second);
}

}  // namespace voluta
