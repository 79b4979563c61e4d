#pragma once

// Pooling layers; no parameters.

#include <voluta/kernels/pool2d/pool2d.h>
#include <voluta/layers/scope.h>

namespace voluta {

struct PoolLayer {
  int64_t window = 2;  // R = S
  int64_t stride = 2;
  int64_t padding = 0;
};

// image [N,H,W,C] -> [N,P,Q,C].
Value max_pool2d(Scope scope, Value image, const PoolLayer& layer);
// Padding counts into the mean, as torch.nn.AvgPool2d's default.
Value average_pool2d(Scope scope, Value image, const PoolLayer& layer);

}  // namespace voluta
