#pragma once

// The arithmetic of the changes, written once for all engines. Internal to the room.
//
// Three kinds of change: those that give each level of a channel another value, by a table (some after
// counting the picture's levels); those of a pixel by itself or its neighbours; and those of place.

#include <voluta/core/dtype.h>
#include <voluta/kernels/common/pixel.h>
#include <voluta/kernels/trivial_augment/trivial_augment.h>

namespace voluta::trivial_augment {

inline constexpr int kLevels = 256;

// The nearest level to a value in [0, 1] or NaN.
template <class T>
VOLUTA_HOST_DEVICE int level_of(T value) {
  return value > T(0) ? static_cast<int>(value * T(255) + T(0.5)) : 0;
}
template <class T>
VOLUTA_HOST_DEVICE T value_of(int64_t level) {
  return static_cast<T>(level) / T(255);
}

VOLUTA_HOST_DEVICE inline bool is_table(PictureChange change) {
  switch (change) {
    case PictureChange::kBrightness:
    case PictureChange::kContrast:
    case PictureChange::kPosterize:
    case PictureChange::kSolarize:
    case PictureChange::kAutoContrast:
    case PictureChange::kEqualize:
      return true;
    default:
      return false;
  }
}
VOLUTA_HOST_DEVICE inline bool counts_levels(PictureChange change) {
  return change == PictureChange::kContrast || change == PictureChange::kAutoContrast ||
         change == PictureChange::kEqualize;
}

// What the changes need to know of a channel of a picture.
struct LevelFacts {
  int least = 0, most = 0;  // levels that are there
  int64_t sum = 0;          // of the levels of all pixels
  int64_t step = 0;         // pixels to a level when equalised; those of the highest do not count
};

// Of the pixels of each level; makes of each count that of the lower levels.
VOLUTA_HOST_DEVICE inline LevelFacts take_facts(uint32_t* counts) {
  LevelFacts facts{.least = kLevels};
  uint32_t lower = 0, count = 0;
  for (int level = 0; level < kLevels; ++level) {
    if (counts[level] > 0) {
      count = counts[level];
      facts.least = facts.least < level ? facts.least : level;
      facts.most = level;
      facts.sum += int64_t{count} * level;
    }
    const uint32_t here = counts[level];
    counts[level] = lower;
    lower += here;
  }
  facts.step = (lower - count) / 255;
  return facts;
}

template <class T, int kChannels>
VOLUTA_HOST_DEVICE T mean_gray(const LevelFacts* facts, int64_t pixels) {
  Pixel<double, kChannels> sums;
  for (int c = 0; c < kChannels; ++c) sums.value[c] = static_cast<double>(facts[c].sum);
  return static_cast<T>(gray(sums) / (255.0 * static_cast<double>(pixels)));
}

template <class T>
VOLUTA_HOST_DEVICE T posterized(int level, T bits) {
  const int kept = bits >= T(8) ? 8 : bits > T(0) ? static_cast<int>(bits) : 0;
  return value_of<T>(level & (0xff00 >> kept));
}
template <class T>
VOLUTA_HOST_DEVICE T stretched(int level, const LevelFacts& facts) {
  if (facts.most <= facts.least) return value_of<T>(level);
  return clamped(static_cast<T>(level - facts.least) / static_cast<T>(facts.most - facts.least));
}
template <class T>
VOLUTA_HOST_DEVICE T equalized(int level, const LevelFacts& facts, uint32_t lower) {
  if (facts.step == 0) return value_of<T>(level);
  const int64_t to = (lower + facts.step / 2) / facts.step;
  return value_of<T>(to < 255 ? to : 255);
}

// What becomes of a channel's level by a change of the table; `lower`: pixels of lower levels, `mean`: of
// the picture's grays.
template <class T>
VOLUTA_HOST_DEVICE T changed_level(PictureChange change, T factor, int level,
                                   const LevelFacts& facts, uint32_t lower, T mean) {
  const T v = value_of<T>(level);
  switch (change) {
    case PictureChange::kBrightness:
      return clamped(factor * v);
    case PictureChange::kContrast:
      return blended(v, mean, factor);
    case PictureChange::kPosterize:
      return posterized(level, factor);
    case PictureChange::kSolarize:
      return static_cast<T>(level) >= factor ? value_of<T>(255 - level) : v;
    case PictureChange::kAutoContrast:
      return stretched<T>(level, facts);
    case PictureChange::kEqualize:
      return equalized<T>(level, facts, lower);
    default:
      return v;
  }
}

// Where pixel (row, column) comes from; may lie outside.
struct Place {
  int64_t row, column;
};
VOLUTA_HOST_DEVICE inline Place source_of(const int64_t* a, int64_t row, int64_t column) {
  return {(a[5] + a[3] * column + a[4] * row) >> 16, (a[2] + a[0] * column + a[1] * row) >> 16};
}

// A picture as colours. Elements are In, values T.
template <class T, int kChannels, class In = T>
struct Picture {
  const In* x;  // [H,W,C]
  int64_t height, width;
  PixelNormal<T> normal;

  VOLUTA_HOST_DEVICE bool holds(const Place& at) const {
    return at.row >= 0 && at.row < height && at.column >= 0 && at.column < width;
  }
  VOLUTA_HOST_DEVICE const In* element(const Place& at) const {
    return x + (at.row * width + at.column) * kChannels;
  }
  VOLUTA_HOST_DEVICE int level(const In* element, int c) const {
    return level_of(normal.value(static_cast<T>(to_double(element[c])), c));
  }
  VOLUTA_HOST_DEVICE Pixel<T, kChannels> pixel(const Place& at) const {
    Pixel<T, kChannels> p;
    for (int c = 0; c < kChannels; ++c) p.value[c] = value_of<T>(level(element(at), c));
    return p;
  }

  VOLUTA_HOST_DEVICE Pixel<T, kChannels> sharpened(const Place& at, T factor) const {
    Pixel<T, kChannels> p = pixel(at);
    if (!holds({at.row - 1, at.column - 1}) || !holds({at.row + 1, at.column + 1})) return p;
    for (int c = 0; c < kChannels; ++c) {
      int sum = 4 * level(element(at), c);
      for (int i = 0; i < 9; ++i) {
        sum += level(element({at.row + i / 3 - 1, at.column + i % 3 - 1}), c);
      }
      p.value[c] = blended(p.value[c], static_cast<T>(sum) / T(13 * 255), factor);
    }
    return p;
  }

  // By a change of a pixel by itself or its neighbours.
  VOLUTA_HOST_DEVICE Pixel<T, kChannels> changed(const Place& at, PictureChange change,
                                                 T factor) const {
    if (change == PictureChange::kSharpness) return sharpened(at, factor);
    Pixel<T, kChannels> p = pixel(at);
    if constexpr (kChannels == 3) {
      if (change == PictureChange::kSaturation) blend(p, gray(p), factor);
    }
    return p;
  }
};

extern const Engine kReference, kOpenmp, kLevelTable;

}  // namespace voluta::trivial_augment
