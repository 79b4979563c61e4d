#pragma once

// Convolution layer: parameters "weight" [K,R,S,C/G] and "bias" [K], or [P,Q,K] where it is
// untied, at the scope's path.

#include <voluta/kernels/conv2d/conv2d.h>
#include <voluta/layers/scope.h>

namespace voluta {

struct Conv2dLayer {
  int64_t channels = 1;  // K, output channels
  Extent2d kernel = 3;   // R, S
  Extent2d stride = 1;
  Padding2d padding;
  Extent2d dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  bool untied_bias = false;  // one value an output cell, which ties the layer to one image size
  Initializer weight = {};   // default: torch.nn.Conv2d's, uniform_fan_in
  Initializer bias_value = {};
};

// image [N,H,W,C] -> [N,P,Q,K], P and Q by output_extent(). Where every input channel is a group,
// the node is a depthwise_conv2d.
// Throws invalid(), naming the layer, where the shapes do not fit.
Value conv2d(Scope scope, Value image, const Conv2dLayer& layer);

}  // namespace voluta
