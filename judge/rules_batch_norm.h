#pragma once

// What the rules of batch normalisation and of its gradients share.

#include <voluta/judge/reference.h>

namespace voluta::judge {

inline constexpr double kBatchNormUnit = 0x1p-24;

struct BatchNormTypes {
  TensorType x, vector;  // what belongs to a channel is f32, or f64
};
BatchNormTypes batch_norm_types(ProblemLine& line);
double batch_norm_epsilon(ProblemLine& line);

// "n3c5" or "n2h3w4c5": more than one row, up to about 4,000 elements.
std::string random_batch_norm_rows(Random& random);

// Inputs of any of the ops but for what belongs to an activation. Variances and inverse deviations
// are positive. Channels of x have scales and means of their own; one in eight has a mean 1,000
// times its deviation, of f16, which ends at 65,504, 100 times.
Tensors batch_norm_inputs(const Problem& problem, InputKind kind, Random& random);

// One channel of a tensor, as doubles.
std::vector<double> channel_of(const Tensor& tensor, int64_t c, int64_t channels);

double inverse_root(double variance, double epsilon);

bool never(const Problem&);

}  // namespace voluta::judge
