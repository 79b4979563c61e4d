#pragma once

// Pooling layers; no parameters.

#include <voluta/kernels/adaptive_average_pool2d/adaptive_average_pool2d.h>
#include <voluta/kernels/pool2d/pool2d.h>
#include <voluta/layers/scope.h>

namespace voluta {

struct PoolLayer {
  Extent2d window = 2;  // R, S
  Extent2d stride = 2;
  Padding2d padding;              // each side at most half the window
  bool ceil_mode = false;         // a last window may reach beyond the padding
  bool count_include_pad = true;  // average only: padding counts into the mean
};

// image [N,H,W,C] -> [N,P,Q,C]; as torch.nn.MaxPool2d and AvgPool2d (kernels/pool2d/pool2d.h). Max
// and min save the winners' positions where the scope keeps for gradients, which bounds the window
// to 256 positions there.
Value max_pool2d(Scope scope, Value image, const PoolLayer& layer);
Value min_pool2d(Scope scope, Value image, const PoolLayer& layer);
Value average_pool2d(Scope scope, Value image, const PoolLayer& layer);

// image [N,H,W,C] -> [N,P,Q,C], output = P x Q, as torch.nn.AdaptiveAvgPool2d. Where the image has
// these extents already it is returned as it is.
Value adaptive_average_pool2d(Scope scope, Value image, Extent2d output);
// image [N,H,W,C] -> [N,1,1,C].
Value global_average_pool2d(Scope scope, Value image);

}  // namespace voluta
