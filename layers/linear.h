#pragma once

// Fully connected layer: parameters "weight" [M,F] and "bias" [M] at the scope's path.

#include <voluta/kernels/linear/linear.h>
#include <voluta/layers/scope.h>

namespace voluta {

struct LinearLayer {
  int64_t features = 1;  // M, outputs
  bool bias = true;
  Initializer weight = {};  // default: torch.nn.Linear's, uniform_fan_in
  Initializer bias_value = {};
};

// x [N,F] -> [N,M]. Throws invalid(), naming the layer, where x is no matrix.
Value linear(Scope scope, Value x, const LinearLayer& layer);

// [N,H,W,C] -> [N, C*H*W] in PyTorch's C-H-W order, so that its weights fit the layer behind.
Value flatten(Scope scope, Value x);

}  // namespace voluta
