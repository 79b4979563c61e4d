#pragma once

// Loss and accuracy, summed up on the device over the batches of an epoch.
//   sums += {loss * N, rows whose label ranks first, rows whose label ranks in the first five, N}
// The rank of a class is the number of classes before it: those with a larger logit, and those with
// an equal one and a lower index (so the first maximum ranks first, as torch.argmax has it). NaN
// ranks before every number, and a row whose label's logit is NaN, or whose label is no class, is
// wrong. With K < 5 classes every other row is right in the first five.
// The result is exact: counts are integers, and the product of an f32 and N < 2^29 fits a double.

#include <voluta/core/graph/op.h>

namespace voluta {

struct ClassificationMetricsOptions {};

// (logits[N,K], labels[N] i64, loss [], sums[4] f64) -> sums[4] in place; the loss's dtype is any
// floating one. Order of the sums: loss, top 1, top 5, rows.
struct ClassificationMetrics : NotDifferentiable {
  using Options = ClassificationMetricsOptions;
  static constexpr std::string_view kName = "classification_metrics";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 0: exact
  static std::string describe(const Problem& problem);      // "n64k10 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

}  // namespace voluta
