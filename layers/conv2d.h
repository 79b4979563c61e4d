#pragma once

// Convolution layer: parameters "weight" [K,R,S,C/G] and "bias" [K] at the scope's path.

#include <voluta/kernels/conv2d/conv2d.h>
#include <voluta/layers/scope.h>

namespace voluta {

struct Conv2dLayer {
  int64_t channels = 1;  // K, output channels
  int64_t kernel = 3;    // R = S
  int64_t stride = 1;
  int64_t padding = 0;  // on all four sides
  int64_t dilation = 1;
  int64_t groups = 1;
  bool bias = true;
};

// image [N,H,W,C] -> [N,P,Q,K] with P = floor((H + 2 padding - dilation (R-1) - 1) / stride) + 1.
// Throws invalid(), naming the layer, where the shapes do not fit.
Value conv2d(Scope scope, Value image, const Conv2dLayer& layer);

}  // namespace voluta
