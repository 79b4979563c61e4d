#pragma once

// What a batch's bytes hold of a picture and what becomes of it, as twelve numbers. Written once for all
// engines and for who makes batches.

#include <voluta/kernels/picture_resize/resize_axis.h>

namespace voluta::picture_resize {

inline constexpr int kViewNumbers = 12;
inline constexpr int kMostTaps =
    15;  // of a filter: a triangle over up to seven times as many pixels

struct ResizeView {
  int64_t offset = 0;             // of the first byte
  int64_t rows = 0, columns = 0;  // of the pixels that are there
  ResizeAxis vertical, horizontal;
  bool mirrored = false;

  ResizeView() = default;
  ResizeView(int64_t first_byte, int64_t row_count, int64_t column_count, const ResizeAxis& down,
             const ResizeAxis& across, bool mirror)
      : offset(first_byte),
        rows(row_count),
        columns(column_count),
        vertical(down),
        horizontal(across),
        mirrored(mirror) {}
  // A result has height x width pixels.
  VOLUTA_HOST_DEVICE ResizeView(const int64_t* numbers, int64_t height, int64_t width)
      : offset(numbers[0]),
        rows(numbers[1]),
        columns(numbers[2]),
        vertical{numbers[3], numbers[4], numbers[5], numbers[6], height},
        horizontal{numbers[7], numbers[8], numbers[9], numbers[10], width},
        mirrored(numbers[11] != 0) {}

  void write(int64_t* numbers) const {
    const int64_t all[kViewNumbers] = {offset,
                                       rows,
                                       columns,
                                       vertical.begin,
                                       vertical.extent,
                                       vertical.steps,
                                       vertical.first,
                                       horizontal.begin,
                                       horizontal.extent,
                                       horizontal.steps,
                                       horizontal.first,
                                       mirrored ? 1 : 0};
    for (int i = 0; i < kViewNumbers; ++i) numbers[i] = all[i];
  }

  VOLUTA_HOST_DEVICE int64_t bytes() const { return rows * columns * 3; }

  // Whether the op can make a picture of it, given so many bytes.
  VOLUTA_HOST_DEVICE bool is_sound(int64_t capacity, Interpolation interpolation) const {
    if (!AxisFilter::is_sound(vertical, rows) || !AxisFilter::is_sound(horizontal, columns)) {
      return false;
    }
    return offset >= 0 && offset <= capacity && bytes() <= capacity - offset &&
           AxisFilter(vertical, rows, interpolation).most_taps() <= kMostTaps &&
           AxisFilter(horizontal, columns, interpolation).most_taps() <= kMostTaps;
  }
};

// ITU-R 601-2, rounded as Pillow does.
VOLUTA_HOST_DEVICE inline int gray_level(int r, int g, int b) {
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
}

}  // namespace voluta::picture_resize
