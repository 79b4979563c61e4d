#include <voluta/judge/reference.h>
#include <voluta/judge/rules_logits.h>
#include <voluta/kernels/classification_metrics/classification_metrics.h>
#include <voluta/kernels/softmax/softmax.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace voluta::judge {
namespace {

// u, and the least normal f32.
constexpr double kUnit = 0x1p-24, kTiny = 0x1p-126;

Problem parse_softmax(ProblemLine& line) {
  return make_problem<Softmax>({}, {logits(line)});
}
Problem parse_softmax_gradient(ProblemLine& line) {
  const TensorType y = logits(line);
  return make_problem<SoftmaxGradient>({}, {y, y});
}
Problem parse_metrics(ProblemLine& line) {
  const TensorType x = logits(line);
  return make_problem<ClassificationMetrics>({}, {x, labels(x), scalar(x), {DType::f64, {4}}});
}
bool never(const Problem&) {
  return false;
}

// Logits and labels, with a few labels that are no class: they count as wrong.
Tensors metrics_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = logits_and_targets(problem, kind, random);
  const int64_t n = problem.inputs[0].shape[0], k = problem.inputs[0].shape[1];
  const std::array<int64_t, 4> bad = {-1, k, int64_t{1} << 40, -(int64_t{1} << 40)};
  for (int64_t& label : inputs[1].data<int64_t>()) {
    if (n > 1 && random.next_below(20) == 0) label = bad[random.next_below(4)];
  }
  return inputs;
}

// Note [Softmax error bounds] in kernels/softmax/softmax.h.
Bounds softmax_bounds(const Problem& problem, const Tensors& inputs, const Tensors&) {
  const auto k = static_cast<double>(problem.inputs[0].shape[1]);
  std::vector<double> bound;
  for (int64_t n = 0; n < problem.inputs[0].shape[0]; ++n) {
    const Row row = row_of(inputs[0], n);
    for (std::size_t j = 0; j < row.x.size(); ++j) {
      const double d = row.maximum - row.x[j];
      bound.push_back(kUnit * row.probability[j] * (k + 64 + d + std::log(k)) + kTiny);
    }
  }
  return {bound};
}

Bounds softmax_gradient_bounds(const Problem& problem, const Tensors& inputs, const Tensors&) {
  const int64_t k = problem.inputs[0].shape[1];
  std::vector<double> bound;
  for (int64_t n = 0; n < problem.inputs[0].shape[0]; ++n) {
    auto y = [&](int64_t j) { return std::fabs(value_at(inputs[0], n * k + j)); };
    auto dy = [&](int64_t j) { return std::fabs(value_at(inputs[1], n * k + j)); };
    double sum = 0;
    for (int64_t j = 0; j < k; ++j) sum += y(j) * dy(j);
    for (int64_t j = 0; j < k; ++j) {
      bound.push_back(kUnit * y(j) * (4 * dy(j) + static_cast<double>(k + 8) * sum) + kTiny);
    }
  }
  return {bound};
}

constexpr OpRules kRules[] = {
    {"softmax", parse_softmax, random_logits, logits_and_targets, never, softmax_bounds},
    {"softmax_gradient", parse_softmax_gradient, random_logits, nullptr, never,
     softmax_gradient_bounds},
    {"classification_metrics", parse_metrics, random_logits, metrics_inputs},
};

}  // namespace

std::span<const OpRules> training_rules() {
  return kRules;
}

}  // namespace voluta::judge
