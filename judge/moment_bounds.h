#pragma once

// Note [Moments of a convolution's output] in kernels/conv2d/conv2d.h.

#include <voluta/judge/rules.h>

namespace voluta::judge {

// Of a conv2d's moments: `y` its output by the reference, `y_bound` that output's bound, `moments`
// output 1 by the reference.
std::vector<double> moment_bounds(const Problem& problem, const Tensor& y,
                                  const std::vector<double>& y_bound, const Tensor& moments);

}  // namespace voluta::judge
