#pragma once

// Pictures at another size on the CPU, with vector instructions (picture_resize.h says what they become).

#include <voluta/kernels/picture_resize/resize_view.h>

#include <cstddef>
#include <utility>
#include <vector>

namespace voluta::picture_resize {

struct ResizedPixels {
  const uint8_t* rgb;      // [vertical.count, horizontal.count, 3]
  std::size_t line_bytes;  // from a line to the next
};

// Keeps its buffers between calls; one a thread.
class Resizer {
 public:
  // pixels [rows, columns, 3] by a view whose axes are sound, of any number of taps; not mirrored. Valid
  // until the next call.
  ResizedPixels resize(const uint8_t* pixels, const ResizeView& view, Interpolation interpolation);

  // What resize_pictures makes of them: y [height, width, channels] with values [channels,256].
  void write_values(const uint8_t* pixels, const ResizeView& view, Interpolation interpolation,
                    const float* values, int64_t channels, float* y);

 private:
  // What each output takes: source pixels first[i], first[i] + 1, ... times `taps` weights of
  // 2^-14 that sum to 1; beyond its own taps an output has zeros.
  struct Weights {
    std::size_t taps = 0;
    std::vector<int64_t> first;
    std::vector<int16_t> weight;  // [count, taps]
  };

  static void set_weights(Weights& weights, const ResizeAxis& axis, int64_t pixels,
                          Interpolation interpolation);
  // The source pixels that any output takes: begin and end.
  static std::pair<int64_t, int64_t> range(const Weights& weights);
  void resize_rows(const uint8_t* pixels, int64_t width, int64_t top, int64_t bottom);
  void resize_columns(int64_t top);

  Weights rows_, columns_;        // across a row; down a column
  std::size_t line_ = 0;          // bytes of a resized line, a multiple of sixteen
  std::vector<uint8_t> block_;    // [source columns * 3, 16]: sixteen rows of the source
  std::vector<uint8_t> resized_;  // [columns * 3, 16]
  std::vector<uint8_t> lines_;    // [bottom - top, line_]: all rows at their new width
  std::vector<uint8_t> output_;   // [rows, line_]
};

}  // namespace voluta::picture_resize
