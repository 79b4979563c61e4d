#pragma once

// How kernels convert 16-bit numbers (BFloat16 or Float16): single ones, and two neighbours as 32
// bits, the first in the low half; on a device by its conversions (sm_80 and later), elsewhere by
// those of core/dtype.h, which round alike.

#include <voluta/core/dtype.h>
#include <voluta/core/macros.h>

#include <cstdint>
#include <type_traits>

namespace voluta {

template <class T>
VOLUTA_HOST_DEVICE inline uint32_t packed(float first, float second) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  uint32_t bits;
  if constexpr (std::is_same_v<T, Float16>) {
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(second), "f"(first));
  } else {
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(second), "f"(first));
  }
  return bits;
#else
  return static_cast<uint32_t>(T(second).bits) << 16 | T(first).bits;
#endif
}

// A 16-bit number in the low half of `bits`.
template <class T>
VOLUTA_HOST_DEVICE inline float unpack_low(uint32_t bits) {
#if defined(__CUDA_ARCH__)
  if constexpr (std::is_same_v<T, Float16>) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(static_cast<uint16_t>(bits)));
    return value;
  }
#endif
  T value;
  value.bits = static_cast<uint16_t>(bits & 0xffff);
  return static_cast<float>(value);
}

template <class T>
VOLUTA_HOST_DEVICE inline void unpack(uint32_t bits, float (&pair)[2]) {
  pair[0] = unpack_low<T>(bits);
  pair[1] = unpack_low<T>(bits >> 16);
}

// Two neighbours in memory, aligned to both: T is float, BFloat16 or Float16.
struct alignas(8) FloatPair {
  float first, second;
};
template <class T>
VOLUTA_HOST_DEVICE inline void load_pair(const unsigned char* from, float (&pair)[2]) {
  if constexpr (std::is_same_v<T, float>) {
    const FloatPair floats = *reinterpret_cast<const FloatPair*>(from);
    pair[0] = floats.first, pair[1] = floats.second;
  } else {
    unpack<T>(*reinterpret_cast<const uint32_t*>(from), pair);
  }
}
template <class T>
VOLUTA_HOST_DEVICE inline void store_pair(unsigned char* to, float first, float second) {
  if constexpr (std::is_same_v<T, float>) {
    *reinterpret_cast<FloatPair*>(to) = {first, second};
  } else {
    *reinterpret_cast<uint32_t*>(to) = packed<T>(first, second);
  }
}

// One element as a float, and a float rounded to what a T holds. T is float, BFloat16 or Float16.
template <class T>
VOLUTA_HOST_DEVICE inline float to_float(T value) {
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else {
    return unpack_low<T>(value.bits);
  }
}
template <class T>
VOLUTA_HOST_DEVICE inline T from_float(float value) {
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else {
    T rounded;
    rounded.bits = static_cast<uint16_t>(packed<T>(value, 0.0f));
    return rounded;
  }
}

// What a T holds of two numbers.
template <class T>
VOLUTA_HOST_DEVICE inline void round_pair(float& first, float& second) {
  if constexpr (!std::is_same_v<T, float>) {
    float pair[2];
    unpack<T>(packed<T>(first, second), pair);
    first = pair[0], second = pair[1];
  }
}

}  // namespace voluta
