#pragma once

// How pictures became numbers, for ops that change colours: elements x = (v - mean_c) / deviation_c of
// values v between 0, black, and 1, full.

#include <voluta/core/graph/op.h>

#include <array>
#include <string>

namespace voluta {

struct PixelNormalization {
  std::array<double, 3> mean = {0, 0, 0}, deviation = {1, 1, 1};  // deviations are above 0
};

// Throws invalid() unless x is floating [N,H,W,C] of 1 or 3 channels, and all deviations are finite and
// above 0.
void check_pixels(const TensorType& x, const PixelNormalization& normalization);

// "n2h5w7c3 meanr0.5 meang0.4 meanb0.3 devr0.2 devg0.3 devb0.2 f32"
std::string describe_pixels(const TensorType& x, const PixelNormalization& normalization);

}  // namespace voluta
