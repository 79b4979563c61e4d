#pragma once

// The arithmetic of the changes, written once for all engines. Internal to the room.

#include <voluta/kernels/color_jitter/color_jitter.h>
#include <voluta/kernels/common/pixel.h>

#include <cmath>

namespace voluta::color_jitter {

template <class T>
VOLUTA_HOST_DEVICE T larger(T a, T b) {
  return a > b || a != a ? a : b;
}
template <class T>
VOLUTA_HOST_DEVICE T smaller(T a, T b) {
  return a < b || a != a ? a : b;
}

// The hue in [0, 6), 0 where there is none; `range` is the largest less the least channel.
template <class T>
VOLUTA_HOST_DEVICE T hue_of(const Pixel<T, 3>& p, T most, T range) {
  const T r = p.value[0], g = p.value[1], b = p.value[2];
  if (range == T(0)) return T(0);
  if (r == most) return g < b ? (g - b) / range + T(6) : (g - b) / range;
  return g == most ? (b - r) / range + T(2) : (r - g) / range + T(4);
}

template <class T>
VOLUTA_HOST_DEVICE void turn_hue(Pixel<T, 3>& p, T share) {
  const T most = larger(larger(p.value[0], p.value[1]), p.value[2]);
  const T range = most - smaller(smaller(p.value[0], p.value[1]), p.value[2]);
  const T hue = hue_of(p, most, range) + T(6) * share;
  for (int c = 0; c < 3; ++c) {
    T k = hue + T(5 - 2 * c);  // in [-2, 14): modulo 6
    k = k < T(0) ? k + T(6) : k;
    k = k >= T(6) ? k - T(6) : k;
    k = k >= T(6) ? k - T(6) : k;
    const T least = smaller(smaller(k, T(4) - k), T(1));
    p.value[c] = most - range * (least > T(0) ? least : T(0));
  }
}

template <class T, int kChannels>
VOLUTA_HOST_DEVICE void change(Pixel<T, kChannels>& p, int64_t what, const T* factors, T mean) {
  switch (what) {
    case int64_t{0}:
      return blend(p, T(0), factors[0]);
    case int64_t{1}:
      return blend(p, mean, factors[1]);
    case int64_t{2}:
      if constexpr (kChannels == 3) blend(p, gray(p), factors[2]);
      return;
    case int64_t{3}:
      if constexpr (kChannels == 3) turn_hue(p, factors[3]);
      return;
    default:
      return;
  }
}

inline constexpr int kChanges = 4;
inline constexpr int64_t kContrastChange = static_cast<int64_t>(ColorChange::kContrast);

// Where in the order the contrast stands; kChanges: nowhere.
VOLUTA_HOST_DEVICE inline int place_of_contrast(const int64_t* order) {
  int place = 0;
  while (place < kChanges && order[place] != kContrastChange) ++place;
  return place;
}

// The changes [begin, end) of the order.
template <class T, int kChannels>
VOLUTA_HOST_DEVICE void change_all(Pixel<T, kChannels>& p, const int64_t* order, int begin, int end,
                                   const T* factors, T mean) {
  for (int i = begin; i < end; ++i) change(p, order[i], factors, mean);
}

extern const Engine kReference, kOpenmp, kTwoPass;

}  // namespace voluta::color_jitter
