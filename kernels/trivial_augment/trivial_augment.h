#pragma once

// One change a picture, of geometry or of colour, which the caller draws.
// Source: Müller and Hutter 2021, "TrivialAugment: tuning-free yet state-of-the-art data augmentation".
//
// Pictures come and go normalised (common/pixel_normalization.h). A change of colour takes the values
// v of a pixel as the nearest of the 256 levels of 8 bits, 255 v, a NaN as 0; what it gives is not rounded.
//   kIdentity      y = x, every bit
//   kAffine        y[h,w] = x at the pixel (row, column) that six numbers a in units of 2^-16 say:
//                    column = (a2 + a0 w + a1 h) >> 16,   row = (a5 + a3 w + a4 h) >> 16,
//                  black outside. Whole numbers, so that all engines and Pillow take the same pixel
//   kBrightness f  v = clamp(f v)
//   kSaturation f  v = clamp(f v + (1 - f) gray)
//   kContrast f    v = clamp(f v + (1 - f) m),      m the mean of gray over the picture
//   kSharpness f   v = clamp(f v + (1 - f) smooth), smooth (5 v + its 8 neighbours) / 13; the outermost
//                  pixels stay
//   kPosterize f   keeps the f highest bits of the level
//   kSolarize f    v = 1 - v from level f on
//   kAutoContrast  stretches each channel's levels, from the least that it has to the most, over all
//   kEqualize      gives each channel as good as equally many pixels of each level, as Pillow does
// as torchvision's functional transforms of the same names; clamp to [0, 1]. Pictures of one channel are
// gray: saturation leaves their values as they are.
//
// Note [Change error bounds]
// In units of u = 2^-24: a level over 255 carries 2, a mean of grays 4 (summed as whole numbers), a smooth
// value 16; blending makes them (f + |1 - f|) times as large and adds 4 (f + |1 - f|). The
// normalisation adds its own.

#include <voluta/kernels/common/pixel_normalization.h>

namespace voluta {

enum class PictureChange : int64_t {
  kIdentity,
  kAffine,
  kBrightness,
  kSaturation,
  kContrast,
  kSharpness,
  kPosterize,
  kSolarize,
  kAutoContrast,
  kEqualize
};

// (x [N,H,W,C], changes i64 [N], factors [N], affine i64 [N,6]) -> y like x; C is 1 or 3. Factors are
// f32, f64 with f64 pictures. Any other number than those above leaves the values as they are.
struct TrivialAugment : NotDifferentiable {
  using Options = PixelNormalization;  // of the pictures
  static constexpr std::string_view kName = "trivial_augment";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 9: a pixel and its neighbours
  // "n2h5w7c3 meanr0.5 meang0.4 meanb0.3 devr0.2 devg0.3 devb0.2 f32"
  static std::string describe(const Problem& problem);
  static std::span<const Engine> engines();
};

}  // namespace voluta
