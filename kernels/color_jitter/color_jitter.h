#pragma once

// Colours made other, picture by picture: brightness, contrast, saturation and hue, in the order and by
// the factors that the caller draws. Pictures come and go normalised; in between a value is
// v = clamp(x deviation_c + mean_c), 0 black and 1 full.
//   brightness f   v = clamp(f v)
//   contrast f     v = clamp(f v + (1 - f) m),     m the mean of gray over the picture as it is then
//   saturation f   v = clamp(f v + (1 - f) gray)
//   hue f          the hue, a share of the circle, moves by f
//   gray = 0.2989 r + 0.587 g + 0.114 b,   clamp to [0, 1]
// as torchvision's ColorJitter has it on float tensors (adjust_brightness, _contrast, _saturation,
// _hue). Pictures of one channel are gray: saturation and hue leave them as they are.
//
// With the hue h in [0, 6), the largest channel V and V - least = D, torchvision's six cases are
//   channel = V - D max(0, min(k, 4 - k, 1)),   k = (o + h) mod 6,   o = 5, 3, 1 for r, g, b
// (Smith 1978, "Color gamut transform pairs"), which has no branch and no jump.
//
// Note [Colour error bounds]
// In units of u = 2^-24 and for values in [0, 1], an error E that a value carries becomes
//   brightness L = f         saturation, contrast L = f + |1 - f|         hue L = 4
// times as large, and each operation adds its own roundings: f, 6 (f + |1 - f|), and 64 for the hue,
// whose position of some 8 u is multiplied by 6 and by D <= 1. The mean of P pixels adds
// |1 - f| (P_t + 40), P_t the pixels that a thread sums. Both ends add the normalisation's.

#include <voluta/kernels/common/pixel_normalization.h>

namespace voluta {

// What an order names; any other number: nothing.
enum class ColorChange : int64_t { kBrightness, kContrast, kSaturation, kHue };

// (x [N,H,W,C], factors [N,4] by ColorChange, order i64 [N,4]) -> y like x, which may take x's memory;
// C is 1 or 3. Factors are f32, f64 with f64 pictures. Each change stands in an order at most once.
struct ColorJitter : NotDifferentiable {
  using Options = PixelNormalization;  // of the pictures
  static constexpr std::string_view kName = "color_jitter";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // H * W
  // "n2h5w7c3 meanr0.5 meang0.4 meanb0.3 devr0.2 devg0.3 devb0.2 f32"
  static std::string describe(const Problem& problem);
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

}  // namespace voluta
