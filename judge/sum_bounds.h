#pragma once

// Note [Sums for the gradient in front] in kernels/conv2d/conv2d.h.

#include <voluta/judge/rules.h>

namespace voluta::judge {

// Of a conv2d_input_gradient's sums: `dx` its output 0 by the reference, `dx_bound` that one's bound.
std::vector<double> sum_bounds(const Problem& problem, const Tensors& inputs, const Tensor& dx,
                               const std::vector<double>& dx_bound);

}  // namespace voluta::judge
