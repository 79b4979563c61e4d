#pragma once

// Pictures at another size, as Pillow's Image.resize(box=...) and so torchvision's Resize on PIL
// pictures make them: separable, with a filter that widens by the factor of a reduction
// (antialias), rounded to 8 bits after the rows and again after the columns. The filter sees nothing
// beyond the box. Weights are fixed-point, so the result is the same on every machine; it differs
// from Pillow's by one grey level at most.

#include <voluta/io/image.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace voluta {

// bilinear: a triangle of radius 1; bicubic: Keys' cubic convolution of radius 2 with a = -1/2 (Keys
// 1981, "Cubic convolution interpolation for digital image processing").
enum class Interpolation { kBilinear, kBicubic };

std::string to_string(Interpolation interpolation);
// Throws invalid() for another word than "bilinear" or "bicubic".
Interpolation parse_interpolation(std::string_view name);

// Along one axis: `extent` pixels of the source from `begin` become `steps` pixels, of which `count`
// from `first` on are wanted. Extents are positive and need not be whole.
struct ResizeAxis {
  double begin = 0, extent = 0;
  int64_t steps = 0, first = 0, count = 0;
};

struct ResizedImage {
  const uint8_t* rgb;      // [vertical.count, horizontal.count, 3]
  std::size_t line_bytes;  // from a line to the next
};

// Keeps its buffers between calls; one a thread.
class Resizer {
 public:
  // Valid until the next call.
  ResizedImage resize(const Image& image, const ResizeAxis& vertical, const ResizeAxis& horizontal,
                      Interpolation interpolation);

 private:
  // What each output takes: source pixels first[i], first[i] + 1, ... times `taps` weights of
  // 2^-14 that sum to 1; beyond its own taps an output has zeros.
  struct Weights {
    std::size_t taps = 0;
    std::vector<int64_t> first;
    std::vector<int16_t> weight;  // [count, taps]
  };

  static void set_weights(Weights& weights, const ResizeAxis& axis, int64_t source,
                          Interpolation interpolation);
  // The source pixels that any output takes: begin and end.
  static std::pair<int64_t, int64_t> range(const Weights& weights);
  void resize_rows(const Image& image, int64_t top, int64_t bottom);
  void resize_columns(int64_t top);

  Weights rows_, columns_;        // across a row; down a column
  std::size_t line_ = 0;          // bytes of a resized line, a multiple of sixteen
  std::vector<uint8_t> block_;    // [source columns * 3, 16]: sixteen rows of the source
  std::vector<uint8_t> resized_;  // [columns * 3, 16]
  std::vector<uint8_t> lines_;    // [bottom - top, line_]: all rows at their new width
  std::vector<uint8_t> output_;   // [rows, line_]
};

}  // namespace voluta
