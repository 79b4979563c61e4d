#pragma once

// Initial values of parameters, as PyTorch defines them. An initializer fills an f32 tensor.

#include <voluta/core/random.h>
#include <voluta/core/tensor.h>

#include <functional>

namespace voluta {

using Initializer = std::function<void(Tensor&, Random&)>;

Initializer fill_with(float value);

// U(-1/sqrt(fan_in), 1/sqrt(fan_in)): torch.nn.Conv2d's and torch.nn.Linear's default for weights
// (kaiming_uniform_ with a = sqrt(5)) and for their biases.
Initializer uniform_fan_in(int64_t fan_in);

}  // namespace voluta
