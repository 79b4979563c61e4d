#pragma once

// A picture's change on the CPU: two passes over its pixels, the first where the contrast is changed.
// Internal to the room.

#include <voluta/core/dtype.h>
#include <voluta/kernels/color_jitter/color_jitter_rules.h>

namespace voluta::color_jitter {

// x, y [pixels, kChannels], in T; computes in Real.
template <class Real, int kChannels, class T>
void change_picture(const T* x, T* y, int64_t pixels, const Real* factors, const int64_t* order,
                    const PixelNormal<Real>& normal) {
  const auto pixel = [&](int64_t i) {
    Pixel<Real, kChannels> p;
    for (int c = 0; c < kChannels; ++c) {
      p.value[c] = normal.value(static_cast<Real>(to_double(x[i * kChannels + c])), c);
    }
    return p;
  };
  const int contrast = place_of_contrast(order);
  double sum = 0;
  for (int64_t i = 0; i < pixels && contrast < kChanges; ++i) {
    Pixel<Real, kChannels> p = pixel(i);
    change_all(p, order, 0, contrast, factors, Real(0));
    sum += static_cast<double>(gray(p));
  }
  const auto mean = static_cast<Real>(sum / static_cast<double>(pixels));
  for (int64_t i = 0; i < pixels; ++i) {
    Pixel<Real, kChannels> p = pixel(i);
    change_all(p, order, 0, kChanges, factors, mean);
    for (int c = 0; c < kChannels; ++c) {
      y[i * kChannels + c] = from_double<T>(static_cast<double>(normal.normal(p.value[c], c)));
    }
  }
}

}  // namespace voluta::color_jitter
