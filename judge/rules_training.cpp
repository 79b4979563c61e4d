#include <voluta/judge/reference.h>
#include <voluta/judge/rules_logits.h>
#include <voluta/kernels/classification_metrics/classification_metrics.h>
#include <voluta/kernels/sgd/sgd.h>
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
Problem parse_sgd(ProblemLine& line) {
  const TensorType p{line.dtype(), {line.extent("n")}};
  const SgdOptions options{.momentum = line.number("momentum", 0),
                           .weight_decay = line.number("decay", 0),
                           .nesterov = line.word("nesterov")};
  if (options.momentum == 0) return make_problem<SgdUpdate>(options, {p, p, scalar(p)});
  return make_problem<SgdUpdate>(options, {p, p, p, scalar(p)});
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

// A learning rate is positive; the rest is as it comes.
Tensors sgd_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = default_inputs(problem, kind, random);
  set_value(inputs.back(), 0, random.next_uniform(0.01, 0.5));
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

// Note [SGD error bound] in kernels/sgd/sgd.h.
Bounds sgd_bounds(const Problem& problem, const Tensors& inputs, const Tensors& reference) {
  const SgdOptions& options = problem.options_as<SgdOptions>();
  const double lr = value_at(inputs.back(), 0);
  Bounds bounds(reference.size());
  for (int64_t i = 0; i < inputs[0].elements(); ++i) {
    const double p = std::fabs(value_at(inputs[0], i)), g = std::fabs(value_at(inputs[1], i));
    const double a = g + options.weight_decay * p;
    double step = a;
    if (options.momentum != 0) {
      const double b = options.momentum * std::fabs(value_at(inputs[2], i)) + a;
      bounds[1].push_back(6 * kUnit * b);
      step = options.nesterov ? a + options.momentum * b : b;
    }
    bounds[0].push_back(12 * kUnit * lr * step);
  }
  return bounds;
}

std::string extent(const char* letter, Random& random, uint32_t most) {
  return letter + std::to_string(1 + random.next_below(1 + random.next_below(most)));
}
std::string random_sgd(Random& random) {
  constexpr std::array kMomentum = {"", " momentum0.9", " momentum0.5"};
  const uint32_t momentum = random.next_below(3);
  const std::string nesterov = momentum > 0 && random.next_below(2) ? " nesterov" : "";
  const std::string decay = random.next_below(2) ? " decay0.0005" : "";
  return extent("n", random, 3000) + kMomentum[momentum] + decay + nesterov;
}

constexpr OpRules kRules[] = {
    {"softmax", parse_softmax, random_logits, logits_and_targets, never, softmax_bounds},
    {"softmax_gradient", parse_softmax_gradient, random_logits, nullptr, never,
     softmax_gradient_bounds},
    {"sgd_update", parse_sgd, random_sgd, sgd_inputs, never, sgd_bounds},
    {"classification_metrics", parse_metrics, random_logits, metrics_inputs},
};

}  // namespace

std::span<const OpRules> training_rules() {
  return kRules;
}

}  // namespace voluta::judge
