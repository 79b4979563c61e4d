#pragma once

// Transposed convolution layer: parameters "weight" [C,R,S,K/G] and "bias" [K] at the scope's path.

#include <voluta/kernels/conv_transpose2d/conv_transpose2d.h>
#include <voluta/layers/scope.h>

namespace voluta {

struct ConvTranspose2dLayer {
  int64_t channels = 1;  // K, output channels
  Extent2d kernel = 2;   // R, S
  Extent2d stride = 2;
  Padding2d padding;            // taken off the output
  Extent2d output_padding = 0;  // rows below and columns to the right that the output has besides
  Extent2d dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  Initializer weight = {};  // default: torch.nn.ConvTranspose2d's, uniform_fan_in(K/G * R*S)
  Initializer bias_value = {};
};

// image [N,H,W,C] -> [N,P,Q,K], P = (H-1) stride - padding + dilation (R-1) + output_padding + 1.
// Throws invalid(), naming the layer, where the shapes do not fit.
Value conv_transpose2d(Scope scope, Value image, const ConvTranspose2dLayer& layer);

}  // namespace voluta
