#pragma once

// Which pixels an output of a resized axis takes, and with what weights: whole numbers throughout but for
// one division, so that every machine and every engine has the same.
//
// Note [Weights in whole numbers]
// Along an axis lengths are counted in units of a pixel / (16 steps). Then a pixel is 16 steps, the centre of
// output i is 2 steps begin + (2 (first + i) + 1) extent with begin and extent in eighths of a pixel, and the
// filter's argument x = d / D is a quotient of whole numbers: the distance d of a pixel's centre from the
// output's, and the radius D = 2 max(extent, 8 steps) of the triangle. So is what the filter gives, times D or
// 2 D^3, and a weight is one such number by the sum of all, a correctly rounded division of two doubles.

#include <voluta/core/macros.h>
#include <voluta/kernels/picture_resize/picture_resize.h>

#include <cstdint>

namespace voluta::picture_resize {

inline constexpr int kEighths =
    8;  // JPEG decodes at eighths of its size, so boxes end at eighths of a pixel
inline constexpr int kWeightBits = 14;
inline constexpr int32_t kOne = 1 << kWeightBits, kHalf = kOne / 2;

// `extent` eighths of a pixel from `begin` become `steps` pixels, of which `count` from `first` on are wanted.
struct ResizeAxis {
  int64_t begin = 0, extent = 0;
  int64_t steps = 0, first = 0, count = 0;
};

// The pixels first, first + 1, ... that an output takes.
struct Taps {
  int32_t first, count;
};

class AxisFilter {
 public:
  // Over an axis of `pixels`; the filter sees nothing beyond the box. The axis must be sound.
  VOLUTA_HOST_DEVICE AxisFilter(const ResizeAxis& axis, int64_t pixels, Interpolation interpolation)
      : axis_(axis),
        pixel_(16 * axis.steps),
        widening_(2 * larger(axis.extent, kEighths * axis.steps)),
        cubic_(interpolation == Interpolation::kBicubic) {
    radius_ = (cubic_ ? 2 : 1) * widening_;
    lowest_ = larger(axis.begin, 0) / kEighths;
    highest_ = smaller((axis.begin + axis.extent + kEighths - 1) / kEighths, pixels);
    while (widening_ >> shift_ >= kMostWidening) ++shift_;
  }

  // Extents in their ranges, so that no product overflows, and the outputs' centres on the `pixels` that
  // there are.
  VOLUTA_HOST_DEVICE static bool is_sound(const ResizeAxis& axis, int64_t pixels) {
    constexpr int64_t kMostPixels = int64_t{1} << 23, kMostSteps = int64_t{1} << 30;
    const bool ranges =
        is_within(pixels, 1, kMostPixels) && is_within(axis.extent, 1, kEighths * kMostPixels) &&
        is_within(axis.begin, -kEighths * kMostPixels, kEighths * kMostPixels) &&
        is_within(axis.steps, 1, kMostSteps) && is_within(axis.count, 1, kMostSteps) &&
        is_within(axis.first, 0, kMostSteps) && axis.first + axis.count <= axis.steps;
    return ranges && center(axis, 0) >= 0 &&
           center(axis, axis.count - 1) < pixels * 16 * axis.steps;
  }

  // At least as many as any output takes.
  VOLUTA_HOST_DEVICE int64_t most_taps() const {
    return smaller(2 * ((radius_ + pixel_ - 1) / pixel_) + 1, highest_ - lowest_);
  }

  // Behind the last pixel that the filter sees.
  VOLUTA_HOST_DEVICE int64_t end() const { return highest_; }

  VOLUTA_HOST_DEVICE Taps taps(int64_t i) const {
    const int64_t middle = center(axis_, i) + pixel_ / 2;
    const int64_t begin = clamped((middle - radius_) / pixel_, lowest_, highest_ - 1);
    const int64_t end = clamped((middle + radius_) / pixel_, begin + 1, highest_);
    return {static_cast<int32_t>(begin), static_cast<int32_t>(end - begin)};
  }

  // The weights of output i in 2^-14, which sum to 1: what rounding loses goes to the first of the largest.
  VOLUTA_HOST_DEVICE void weigh(int64_t i, const Taps& taps, int16_t* weight) const {
    const int64_t middle = center(axis_, i);
    const auto share = [&](int t) {
      const int64_t d = (2 * (int64_t{taps.first} + t) + 1) * (pixel_ / 2) - middle;
      return filter((d < 0 ? -d : d) >> shift_, widening_ >> shift_);
    };
    int64_t sum = 0;
    for (int t = 0; t < taps.count; ++t) sum += share(t);
    int32_t rest = kOne;
    int largest = 0;
    for (int t = 0; t < taps.count; ++t) {
      const double exact = static_cast<double>(share(t)) / static_cast<double>(sum);
      weight[t] = static_cast<int16_t>(floor_of(exact * kOne + 0.5));
      rest -= weight[t];
      if (weight[t] > weight[largest]) largest = t;
    }
    weight[largest] = static_cast<int16_t>(weight[largest] + rest);
  }

 private:
  // 16 D^3 and a sum of such numbers stay below 2^63; beyond it the last bits of d and D are dropped.
  static constexpr int64_t kMostWidening = int64_t{1} << 17;

  VOLUTA_HOST_DEVICE static bool is_within(int64_t x, int64_t low, int64_t high) {
    return low <= x && x <= high;
  }
  VOLUTA_HOST_DEVICE static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
  VOLUTA_HOST_DEVICE static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
  VOLUTA_HOST_DEVICE static int64_t clamped(int64_t x, int64_t low, int64_t high) {
    return x < low ? low : x > high ? high : x;
  }
  VOLUTA_HOST_DEVICE static int32_t floor_of(double x) {
    const auto whole = static_cast<int32_t>(x);
    return whole > x ? whole - 1 : whole;
  }
  VOLUTA_HOST_DEVICE static int64_t center(const ResizeAxis& axis, int64_t i) {
    return 2 * axis.steps * axis.begin + (2 * (axis.first + i) + 1) * axis.extent;
  }

  // D times the triangle at d / D; 2 D^3 times Keys' cubic:
  //   3 |x|^3 - 5 |x|^2 + 2             for |x| < 1
  //   -|x|^3 + 5 |x|^2 - 8 |x| + 4      for |x| < 2
  VOLUTA_HOST_DEVICE int64_t filter(int64_t d, int64_t D) const {
    if (!cubic_) return larger(D - d, 0);
    if (d < D) return (3 * d - 5 * D) * d * d + 2 * D * D * D;
    if (d < 2 * D) return ((5 * D - d) * d - 8 * D * D) * d + 4 * D * D * D;
    return 0;
  }

  ResizeAxis axis_;
  int64_t pixel_, widening_;
  bool cubic_;
  int64_t radius_ = 0, lowest_ = 0, highest_ = 0;
  int shift_ = 0;
};

// What `taps` bytes, `stride` apart, become.
VOLUTA_HOST_DEVICE inline uint8_t weighted(const uint8_t* from, int64_t stride,
                                           const int16_t* weight, int taps) {
  int32_t sum = kHalf;
  for (int t = 0; t < taps; ++t) sum += weight[t] * from[t * stride];
  sum >>= kWeightBits;
  return static_cast<uint8_t>(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

}  // namespace voluta::picture_resize
