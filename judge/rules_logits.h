#pragma once

// Logits [N,K] with labels or soft targets: what the rules of softmax, the losses and the metrics
// share.

#include <voluta/judge/rules.h>

#include <string>
#include <vector>

namespace voluta::judge {

// The line's [N,K].
TensorType logits(ProblemLine& line);
TensorType labels(const TensorType& logits);  // [N] i64
TensorType scalar(const TensorType& like);    // f64 for f64, else f32

// Logits, some rows 30 times as wide as others; where there is a second input, labels among the
// classes, or soft targets in [0, 1], rows of which are all zero or sum to about K/2.
Tensors logits_and_targets(const Problem& problem, InputKind kind, Random& random);

std::string random_logits(Random& random);  // extents

// One row of logits: its maximum, and the reference's probabilities.
struct Row {
  double maximum;
  std::vector<double> x, probability;
};
Row row_of(const Tensor& logits, int64_t n);

}  // namespace voluta::judge
