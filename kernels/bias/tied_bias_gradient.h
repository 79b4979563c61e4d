#pragma once

// How gradients of ops that add a bias find that of the bias. Internal to kernels/.

#include <voluta/core/graph/autodiff.h>

namespace voluta {

// Of a tied bias, `dy` being the gradient of what it was added to.
//
// Note [A bias in front of batch norm]
// Where all that reads the sum, or what a maximum pooling chose of it, is a batch norm that takes its own
// statistics, these take the bias away again: its gradient is zero. In the terms of the batch norm's gradient,
// with x' = (x - m) s over R rows,
//   sum_r dx = w s (sum_r du - R sum(du) / R - sum_r x' sum(du x') / R) = 0,    sum_r x' being 0.
// Sums of the stored dx would be their rounding and nothing else, read at the price of the whole tensor; and
// optimisers that divide by the gradient's own size, as Adam and LARS do, would make steps of it. Behind other ops
// that keep channels apart, a Concat or a Cast, sums are taken all the same.
Value tied_bias_gradient(GradientContext& context, Value dy);

}  // namespace voluta
