#pragma once

// Pictures from files at the size that a model takes: of each a box of bytes is resized, cut, mirrored and
// normalised in one pass. What is random is drawn by the caller and comes as a small input, so a captured
// plan sees other boxes each step. All engines give the same bits: weights are whole numbers, and what a
// picture becomes does not depend on where it is resized.

#include <voluta/core/graph/op.h>

#include <string>
#include <string_view>

namespace voluta {

// bilinear: a triangle of radius 1; bicubic: Keys' cubic convolution of radius 2 with a = -1/2 (Keys
// 1981, "Cubic convolution interpolation for digital image processing").
enum class Interpolation : uint8_t { kBilinear, kBicubic };

std::string to_string(Interpolation interpolation);
// Throws invalid() for another word than "bilinear" or "bicubic".
Interpolation parse_interpolation(std::string_view name);

struct PictureResizeOptions {
  int64_t height = 0, width = 0;  // of the result
  Interpolation interpolation = Interpolation::kBilinear;
};

// As Pillow's Image.resize(box=...), and so torchvision's Resize on PIL pictures: separable, with a filter
// that widens by the factor of a reduction (antialias), rounded to 8 bits after the rows and again after
// the columns; it differs from Pillow by one grey level at most. Then, with v of 8 bits,
//   y[n,h,w,c] = values[c, v[h,w',c]],   w' = mirrored ? W - 1 - w : w
// and for C = 1 v is the grey of R, G and B as Pillow's convert("L") makes it (ITU-R 601-2).
// A picture's view of twelve numbers (resize_view.h) says where among the bytes its pixels lie, [rows,
// columns, 3] of RGB, and which box of them is seen. Of a view that makes no sense, and of one whose filter
// has more than 15 taps, all is NaN.
// (bytes u8 [B], values [C,256] with C 1 or 3, views i64 [N,12]) -> y [N,H,W,C] of the values' type, floating.
struct ResizePictures : NotDifferentiable {
  using Options = PictureResizeOptions;
  static constexpr std::string_view kName = "resize_pictures";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 0: exact
  static std::string describe(const Problem& problem);      // "n2h24w24c3b6912 f32"
  static std::span<const Engine> engines();
};

}  // namespace voluta
