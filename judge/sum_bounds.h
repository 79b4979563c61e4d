#pragma once

// Note [Sums for the gradient in front] in kernels/conv2d/conv2d.h.

#include <voluta/judge/rules.h>
#include <voluta/kernels/activation/activation.h>

#include <array>
#include <span>

namespace voluta::judge {

// Of the sums of an input gradient with this stride and an activation in front: `norm` its inputs z, m, w',
// s, b, `dx` its output 0 by the reference, `dx_bound` that one's bound.
std::vector<double> sum_bounds(const Problem& problem, std::array<int64_t, 2> stride,
                               ActivationKind activation, std::span<const Tensor> norm,
                               const Tensor& dx, const std::vector<double>& dx_bound);

}  // namespace voluta::judge
