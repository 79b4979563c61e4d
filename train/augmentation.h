#pragma once

// Where training looks at a picture: crops and mirrors drawn at random. Arithmetic on numbers alone,
// for the CPU's workers and for kernels. Each draw is a function of (seed, epoch, picture, place), so
// it depends neither on the number of workers nor on what was drawn before, and a resumed run sees
// what an unbroken one would.

#include <voluta/core/random.h>

#include <cmath>
#include <cstdint>

namespace voluta {

// The random numbers of one picture in one epoch: words 0 and 1 of Philox with the key `seed` and the
// counter (place, epoch, picture, stream). With another stream epoch and picture may count otherwise.
struct PictureDraws {
  uint64_t seed = 0;
  uint32_t epoch = 0, picture = 0;
  uint32_t stream = 0x6175676d;  // "augm"

  // In [0, 1), 53 bits.
  VOLUTA_HOST_DEVICE double uniform(uint32_t place) const {
    const PhiloxBlock block =
        philox({static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
               {{place, epoch, picture, stream}});
    const uint64_t bits = (uint64_t{block.word[0]} << 32 | block.word[1]) >> 11;
    return static_cast<double>(bits) * 0x1p-53;
  }
  VOLUTA_HOST_DEVICE double between(uint32_t place, double low, double high) const {
    return low + (high - low) * uniform(place);
  }
  // A whole number in [0, bound).
  VOLUTA_HOST_DEVICE int64_t below(uint32_t place, int64_t bound) const {
    return static_cast<int64_t>(uniform(place) * static_cast<double>(bound));
  }
};

// Who draws at which place.
enum DrawPlace : uint32_t {
  kDrawCrop = 0,  // four an attempt, ten attempts
  kDrawFlip = 64,
  kDrawShiftDown = 65,
  kDrawShiftRight = 66,
  kDrawErase = 128,        // whether
  kDrawEraseBox = 129,     // four an attempt, ten attempts
  kDrawColorFactor = 192,  // four
  kDrawColorOrder = 196,   // three
  kDrawTrivial = 200,      // change, strength, direction
};

struct CropBox {
  int64_t top = 0, left = 0, height = 0, width = 0;  // pixels
};

// Of torchvision's RandomResizedCrop, with its defaults: the share of the picture's area, and
// width / height.
struct CropRange {
  double least_area = 0.08, most_area = 1;
  double least_ratio = 3.0 / 4, most_ratio = 4.0 / 3;
};

// As torchvision's RandomResizedCrop.get_params: ten attempts at an area and a ratio, uniform in its
// logarithm, then the largest box in the middle whose ratio is in the range.
// Source: Szegedy et al. 2015, "Going deeper with convolutions", section 6.
VOLUTA_HOST_DEVICE inline CropBox random_resized_crop(const PictureDraws& draws, int64_t height,
                                                      int64_t width, const CropRange& range) {
  const double area = static_cast<double>(height) * static_cast<double>(width);
  for (uint32_t attempt = 0; attempt < 10; ++attempt) {
    const uint32_t place = kDrawCrop + 4 * attempt;
    const double target = area * draws.between(place, range.least_area, range.most_area);
    const double ratio =
        std::exp(draws.between(place + 1, std::log(range.least_ratio), std::log(range.most_ratio)));
    const auto w = static_cast<int64_t>(std::floor(std::sqrt(target * ratio) + 0.5));
    const auto h = static_cast<int64_t>(std::floor(std::sqrt(target / ratio) + 0.5));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    return {draws.below(place + 2, height - h + 1), draws.below(place + 3, width - w + 1), h, w};
  }
  int64_t h = height, w = width;
  const double ratio = static_cast<double>(width) / static_cast<double>(height);
  if (ratio < range.least_ratio) {
    h = static_cast<int64_t>(std::floor(static_cast<double>(w) / range.least_ratio + 0.5));
  } else if (ratio > range.most_ratio) {
    w = static_cast<int64_t>(std::floor(static_cast<double>(h) * range.most_ratio + 0.5));
  }
  h = h < 1 ? 1 : h;
  w = w < 1 ? 1 : w;
  return {(height - h) / 2, (width - w) / 2, h, w};
}

VOLUTA_HOST_DEVICE inline bool random_flip(const PictureDraws& draws, double probability) {
  return draws.uniform(kDrawFlip) < probability;
}

// torchvision's RandomCrop of the picture's own size after padding all sides with black: the corner
// of the crop in the picture, each in [-padding, padding].
struct Shift {
  int64_t down = 0, right = 0;
};
VOLUTA_HOST_DEVICE inline Shift random_shift(const PictureDraws& draws, int64_t padding) {
  return {draws.below(kDrawShiftDown, 2 * padding + 1) - padding,
          draws.below(kDrawShiftRight, 2 * padding + 1) - padding};
}

// What torchvision's RandomErasing replaces, with its defaults: 2 to 33 % of the area, height / width
// between 0.3 and 3.3, ten attempts at a box smaller than the picture. Empty where nothing is.
// Source: Zhong et al. 2017, "Random erasing data augmentation", algorithm 1.
VOLUTA_HOST_DEVICE inline CropBox random_erased_box(const PictureDraws& draws, double probability,
                                                    int64_t height, int64_t width) {
  if (!(draws.uniform(kDrawErase) < probability)) return {};
  const double area = static_cast<double>(height) * static_cast<double>(width);
  for (uint32_t attempt = 0; attempt < 10; ++attempt) {
    const uint32_t place = kDrawEraseBox + 4 * attempt;
    const double target = area * draws.between(place, 0.02, 0.33);
    const double ratio = std::exp(draws.between(place + 1, std::log(0.3), std::log(3.3)));
    const auto h = static_cast<int64_t>(std::floor(std::sqrt(target * ratio) + 0.5));
    const auto w = static_cast<int64_t>(std::floor(std::sqrt(target / ratio) + 0.5));
    if (h >= height || w >= width) continue;
    return {draws.below(place + 2, height - h + 1), draws.below(place + 3, width - w + 1), h, w};
  }
  return {};
}

// Factors of brightness, contrast, saturation and hue, and the order in which they act; -1: none.
struct ColorDraw {
  float factor[4];
  int64_t order[4];
};

// As torchvision's ColorJitter: factors uniform in [max(0, 1 - x), 1 + x], the hue's in [-x, x], in any
// order. What has a strength x of 0 stays out.
VOLUTA_HOST_DEVICE inline ColorDraw random_colors(const PictureDraws& draws,
                                                  const double* strength) {
  ColorDraw drawn{};
  for (uint32_t i = 0; i < 4; ++i) {
    const double middle = i < 3 ? 1 : 0, least = middle - strength[i];
    const bool below_0 = i < 3 && least < 0;
    drawn.factor[i] = static_cast<float>(
        draws.between(kDrawColorFactor + i, below_0 ? 0 : least, middle + strength[i]));
    drawn.order[i] = i;
  }
  for (uint32_t i = 3; i > 0; --i) {
    const int64_t other = draws.below(kDrawColorOrder + 3 - i, int64_t{i} + 1);
    const int64_t held = drawn.order[i];
    drawn.order[i] = drawn.order[other];
    drawn.order[other] = held;
  }
  for (int64_t& change : drawn.order) {
    if (strength[change] == 0) change = -1;
  }
  return drawn;
}

}  // namespace voluta
