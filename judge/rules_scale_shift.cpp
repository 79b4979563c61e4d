#include <voluta/judge/reference.h>
#include <voluta/judge/rules_batch_norm.h>
#include <voluta/kernels/batch_norm/batch_norm_scale_shift.h>

#include <cmath>

namespace voluta::judge {
namespace {

Problem parse_scale_shift(ProblemLine& line) {
  const BatchNormScaleShiftOptions options{batch_norm_epsilon(line)};
  const TensorType c{line.dtype(), line.shape()};
  return make_problem<BatchNormScaleShift>(options, {c, c, c, c});
}

bool never(const Problem&) {
  return false;
}

Tensors positive_variances(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = default_inputs(problem, kind, random);
  Tensor& variance = inputs[3];
  for (int64_t c = 0; c < variance.elements(); ++c) {
    set_value(variance, c, std::fabs(value_at(variance, c)) + 0.125);
  }
  return inputs;
}

// Note [Error of scale and shift] in kernels/batch_norm/batch_norm_scale_shift.h.
Bounds scale_shift_bounds(const Problem&, const Tensors& inputs, const Tensors& reference) {
  Bounds bounds(2);
  for (int64_t c = 0; c < inputs[0].elements(); ++c) {
    const double scale = std::fabs(value_at(reference[0], c));
    bounds[0].push_back(4 * kBatchNormUnit * scale);
    bounds[1].push_back(5 * kBatchNormUnit * scale * std::fabs(value_at(inputs[2], c)));
  }
  return bounds;
}

std::string random_scale_shift(Random& random) {
  const std::string channels = "c" + std::to_string(1 + random.next_below(600));
  return channels + (random.next_below(3) ? "" : " eps0.001");
}

constexpr OpRules kRules[] = {
    {"batch_norm_scale_shift", parse_scale_shift, random_scale_shift, positive_variances, never,
     scale_shift_bounds},
};

}  // namespace

std::span<const OpRules> scale_shift_rules() {
  return kRules;
}

}  // namespace voluta::judge
