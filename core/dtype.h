#pragma once

// Element types. Storage is f32, bf16 or f16 (f64 in references); i64 labels; u8 pictures.

#include <voluta/core/macros.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace voluta {

enum class DType : uint8_t { f64, f32, bf16, f16, i64, i32, u8 };

std::size_t size_of(DType dtype);          // bytes of one element
std::string_view name_of(DType dtype);     // "f32"
DType parse_dtype(std::string_view name);  // throws invalid() and lists the names it knows
bool is_floating(DType dtype);

// Unit roundoff u of round-to-nearest in this type: 2^-53, 2^-24, 2^-8, 2^-11. Floating types only.
double unit_roundoff(DType dtype);

// bfloat16: the upper half of an f32, rounded to nearest even.
struct BFloat16 {
  uint16_t bits = 0;
  BFloat16() = default;
  VOLUTA_HOST_DEVICE explicit BFloat16(float value);
  VOLUTA_HOST_DEVICE explicit operator float() const;
};

// IEEE binary16, rounded to nearest even; overflow becomes infinity, subnormals are kept.
struct Float16 {
  uint16_t bits = 0;
  Float16() = default;
  VOLUTA_HOST_DEVICE explicit Float16(float value);
  VOLUTA_HOST_DEVICE explicit operator float() const;
};

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<BFloat16> {
  static constexpr DType value = DType::bf16;
};
template <>
struct DTypeOf<Float16> {
  static constexpr DType value = DType::f16;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::i64;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::u8;
};
template <class T>
inline constexpr DType kDTypeOf = DTypeOf<T>::value;

[[noreturn]] void fail_not_floating(DType dtype);

// Calls f.template operator()<T>() with the C++ type of a floating dtype.
template <class F>
decltype(auto) dispatch_floating(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f64:
      return std::forward<F>(f).template operator()<double>();
    case DType::f32:
      return std::forward<F>(f).template operator()<float>();
    case DType::bf16:
      return std::forward<F>(f).template operator()<BFloat16>();
    case DType::f16:
      return std::forward<F>(f).template operator()<Float16>();
    default:
      fail_not_floating(dtype);
  }
}

// Conversions through f32 (f64 stays exact): what a reference loop reads and writes.
VOLUTA_HOST_DEVICE inline double to_double(double v) {
  return v;
}
VOLUTA_HOST_DEVICE inline double to_double(float v) {
  return v;
}
VOLUTA_HOST_DEVICE inline double to_double(BFloat16 v) {
  return static_cast<float>(v);
}
VOLUTA_HOST_DEVICE inline double to_double(Float16 v) {
  return static_cast<float>(v);
}
template <class T>
VOLUTA_HOST_DEVICE T from_double(double v) {
  if constexpr (std::is_same_v<T, double>) {
    return v;
  } else {
    return static_cast<T>(static_cast<float>(v));
  }
}

VOLUTA_HOST_DEVICE inline BFloat16::BFloat16(float value) {
  uint32_t u = std::bit_cast<uint32_t>(value);
  const bool nan = (u & 0x7fffffffu) > 0x7f800000u;
  u = nan ? u | 0x00400000u : u + 0x7fffu + ((u >> 16) & 1u);
  bits = static_cast<uint16_t>(u >> 16);
}
VOLUTA_HOST_DEVICE inline BFloat16::operator float() const {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

VOLUTA_HOST_DEVICE inline Float16::Float16(float value) {
  const uint32_t u = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (u >> 16) & 0x8000u, magnitude = u & 0x7fffffffu;
  uint32_t half;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u;  // NaN
  } else if (magnitude >= 0x477ff000u) {
    half = 0x7c00u;  // rounds past 65504
  } else if (magnitude >= 0x38800000u) {
    half = (magnitude + 0xfffu + ((magnitude >> 13) & 1u) - 0x38000000u) >> 13;
  } else {  // subnormal: an integer multiple of 2^-24, rounded by the addition of 0.5 in f32
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    half = std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(0.5f);
  }
  bits = static_cast<uint16_t>(sign | half);
}
VOLUTA_HOST_DEVICE inline Float16::operator float() const {
  const uint32_t sign = (bits & 0x8000u) << 16, magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00u) {  // infinity or NaN
    return std::bit_cast<float>(sign | 0x7f800000u | ((magnitude & 0x3ffu) << 13));
  }
  if (magnitude >= 0x0400u) return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000u));
  const float value = static_cast<float>(magnitude) * 0x1p-24f;
  return sign ? -value : value;
}

}  // namespace voluta
