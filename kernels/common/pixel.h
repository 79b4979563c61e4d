#pragma once

// The arithmetic of colours, written once for all engines (pixel_normalization.h says what values are).

#include <voluta/core/macros.h>
#include <voluta/kernels/common/pixel_normalization.h>

namespace voluta {

template <class T, int kChannels>
struct Pixel {
  T value[kChannels];
};

// A NaN stays one.
template <class T>
VOLUTA_HOST_DEVICE T clamped(T v) {
  return v < T(0) ? T(0) : v > T(1) ? T(1) : v;
}

// Between elements and values.
template <class T>
struct PixelNormal {
  T mean[3], deviation[3], inverse[3];

  explicit PixelNormal(const PixelNormalization& o) {
    for (std::size_t c = 0; c < 3; ++c) {
      mean[c] = static_cast<T>(o.mean[c]);
      deviation[c] = static_cast<T>(o.deviation[c]);
      inverse[c] = static_cast<T>(1 / o.deviation[c]);
    }
  }
  VOLUTA_HOST_DEVICE T value(T x, int c) const { return clamped(x * deviation[c] + mean[c]); }
  VOLUTA_HOST_DEVICE T normal(T v, int c) const { return (v - mean[c]) * inverse[c]; }
};

// The luma of ITU-R BT.601, to torchvision's digits.
template <class T, int kChannels>
VOLUTA_HOST_DEVICE T gray(const Pixel<T, kChannels>& p) {
  if constexpr (kChannels == 1) {
    return p.value[0];
  } else {
    return T(0.2989) * p.value[0] + T(0.587) * p.value[1] + T(0.114) * p.value[2];
  }
}

// clamp(f v + (1 - f) other)
template <class T>
VOLUTA_HOST_DEVICE T blended(T v, T other, T factor) {
  return clamped(factor * v + (T(1) - factor) * other);
}
template <class T, int kChannels>
VOLUTA_HOST_DEVICE void blend(Pixel<T, kChannels>& p, T other, T factor) {
  for (int c = 0; c < kChannels; ++c) p.value[c] = blended(p.value[c], other, factor);
}

}  // namespace voluta
