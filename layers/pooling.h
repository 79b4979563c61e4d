#pragma once

// Pooling layers; no parameters.

#include <voluta/kernels/pool2d/pool2d.h>
#include <voluta/layers/scope.h>

namespace voluta {

struct PoolLayer {
  Extent2d window = 2;  // R, S
  Extent2d stride = 2;
  Padding2d padding;
};

// image [N,H,W,C] -> [N,P,Q,C].
Value max_pool2d(Scope scope, Value image, const PoolLayer& layer);
// Padding counts into the mean, as torch.nn.AvgPool2d's default.
Value average_pool2d(Scope scope, Value image, const PoolLayer& layer);

}  // namespace voluta
