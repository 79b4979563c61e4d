#pragma once

// What an element of a view is, written once for all engines and for who looks at single pictures.

#include <voluta/core/macros.h>
#include <voluta/core/shape.h>

#include <cstdint>

namespace voluta::picture_view {

inline constexpr int kLevels = 256;

// Of pictures [M,H,W,C].
struct Extents {
  int64_t pictures, height, width, channels;

  explicit Extents(const Shape& s) : pictures(s[0]), height(s[1]), width(s[2]), channels(s[3]) {}
};

struct View {
  int64_t index, down, right, mirrored;

  VOLUTA_HOST_DEVICE explicit View(const int64_t* four)
      : index(four[0]), down(four[1]), right(four[2]), mirrored(four[3]) {}

  VOLUTA_HOST_DEVICE bool names_one(const Extents& e) const {
    return index >= 0 && index < e.pictures;
  }
  // The level of channel c at (h, w) of the view; it must name a picture.
  VOLUTA_HOST_DEVICE int level(const uint8_t* pictures, const Extents& e, int64_t h, int64_t w,
                               int64_t c) const {
    const int64_t row = h + down, column = (mirrored ? e.width - 1 - w : w) + right;
    const bool inside = row >= 0 && row < e.height && column >= 0 && column < e.width;
    return inside ? pictures[((index * e.height + row) * e.width + column) * e.channels + c] : 0;
  }
};

}  // namespace voluta::picture_view
