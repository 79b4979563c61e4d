#include <voluta/judge/reference.h>
#include <voluta/judge/rules_logits.h>
#include <voluta/kernels/softmax_cross_entropy/softmax_cross_entropy.h>
#include <voluta/kernels/squared_error/squared_error.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace voluta::judge {
namespace {

// u, and the least normal f32.
constexpr double kUnit = 0x1p-24, kTiny = 0x1p-126;

// Labels, or soft targets where the line says so.
TensorType targets(ProblemLine& line, const TensorType& logits) {
  return line.word("soft") ? logits : labels(logits);
}
Problem parse_loss(ProblemLine& line) {
  const TensorType x = logits(line);
  return make_problem<SoftmaxCrossEntropy>({line.number("smoothing", 0)}, {x, targets(line, x)});
}
Problem parse_loss_gradient(ProblemLine& line) {
  const TensorType x = logits(line);
  return make_problem<SoftmaxCrossEntropyGradient>({line.number("smoothing", 0)},
                                                   {x, targets(line, x), scalar(x)});
}
Problem parse_squared_error(ProblemLine& line) {
  const TensorType x{line.dtype(), line.shape()};
  return make_problem<SquaredError>({}, {x, x});
}
Problem parse_squared_error_gradient(ProblemLine& line) {
  const TensorType x{line.dtype(), line.shape()};
  return make_problem<SquaredErrorGradient>({}, {x, x, scalar(x)});
}

bool never(const Problem&) {
  return false;
}

// The mixed target of a class, of absolute values: [k = label], or q, and the smoothing.
double target_at(const Problem& problem, const Tensor& targets, int64_t n, int64_t j) {
  const double smoothing = problem.options_as<SoftmaxCrossEntropyOptions>().label_smoothing;
  const int64_t k = problem.inputs[0].shape[1];
  const bool soft = is_floating(targets.dtype());
  const double q =
      soft ? std::fabs(value_at(targets, n * k + j)) : (value_at(targets, n) == j ? 1.0 : 0.0);
  return (1 - smoothing) * q + smoothing / static_cast<double>(k);
}

bool is_soft(const Problem& problem) {
  return is_floating(problem.inputs[1].dtype);
}

// Note [Cross-entropy error bounds] in kernels/softmax_cross_entropy/softmax_cross_entropy.h.
Bounds loss_bounds(const Problem& problem, const Tensors& inputs, const Tensors& reference) {
  const int64_t rows = problem.inputs[0].shape[0], classes = problem.inputs[0].shape[1];
  const auto k = static_cast<double>(classes);
  if (!is_soft(problem)) {
    const bool smooth = problem.options_as<SoftmaxCrossEntropyOptions>().label_smoothing != 0;
    const double loss = value_at(reference[0], 0);
    return {{kUnit * (k + 64 + (smooth ? k + 64 : 8) * loss)}};
  }
  double weight = 0, loss = 0;  // of absolute targets, means over the rows
  for (int64_t n = 0; n < rows; ++n) {
    const Row row = row_of(inputs[0], n);
    for (int64_t j = 0; j < classes; ++j) {
      const double a = target_at(problem, inputs[1], n, j) / static_cast<double>(rows);
      const double p = row.probability[static_cast<std::size_t>(j)];
      const double d = row.maximum - row.x[static_cast<std::size_t>(j)];
      // Where p underflows, d is its logarithm but for that of s_n, between 0 and ln K.
      weight += a;
      loss += a * (p > kTiny ? -std::log(p) : d + std::log(k));
    }
  }
  return {{kUnit * (k + 64) * (weight + loss)}};
}

Bounds loss_gradient_bounds(const Problem& problem, const Tensors& inputs, const Tensors&) {
  const int64_t rows = problem.inputs[0].shape[0], classes = problem.inputs[0].shape[1];
  const auto k = static_cast<double>(classes);
  const double scale = std::fabs(value_at(inputs[2], 0)) / static_cast<double>(rows);
  std::vector<double> bound;
  for (int64_t n = 0; n < rows; ++n) {
    const Row row = row_of(inputs[0], n);
    double weight = 0;
    for (int64_t j = 0; j < classes; ++j) weight += target_at(problem, inputs[1], n, j);
    for (int64_t j = 0; j < classes; ++j) {
      const double p = row.probability[static_cast<std::size_t>(j)];
      const double d = row.maximum - row.x[static_cast<std::size_t>(j)];
      const double terms = (is_soft(problem) ? 2 * k + 80 : k + 72) + d + std::log(k);
      const double a = target_at(problem, inputs[1], n, j);
      bound.push_back(kUnit * scale * (p * weight * terms + 8 * a) + kTiny);
    }
  }
  return {bound};
}

// Note [Squared error's error bounds] in kernels/squared_error/squared_error.h.
Bounds squared_error_bounds(const Problem&, const Tensors&, const Tensors& reference) {
  return {{3 * kUnit * value_at(reference[0], 0) + kTiny}};
}
Bounds squared_error_gradient_bounds(const Problem&, const Tensors&, const Tensors& reference) {
  std::vector<double> bound;
  for (int64_t i = 0; i < reference[0].elements(); ++i) {
    bound.push_back(4 * kUnit * std::fabs(value_at(reference[0], i)) + kTiny);
  }
  return {bound};
}

// Odd and even extents, up to some 10,000 elements: three blocks of the reduction.
std::string random_extents(Random& random) {
  auto up_to = [&](uint32_t most) { return std::to_string(1 + random.next_below(most)); };
  if (random.next_below(2)) return "c" + up_to(10000);
  return "n" + up_to(40) + "c" + up_to(200);
}

std::string extent(const char* letter, Random& random, uint32_t most) {
  return letter + std::to_string(1 + random.next_below(1 + random.next_below(most)));
}
std::string random_loss(Random& random) {
  constexpr std::array kSmoothing = {"", "", " smoothing0.1", " smoothing1"};
  const std::string text = random_logits(random) + (random.next_below(3) == 0 ? " soft" : "");
  return text + kSmoothing[random.next_below(4)];
}

bool of_logits(const Problem&, std::size_t input) {
  return input == 0;
}

constexpr OpRules kRules[] = {
    {"softmax_cross_entropy", parse_loss, random_loss, logits_and_targets, never, loss_bounds,
     of_logits},
    {"softmax_cross_entropy_gradient", parse_loss_gradient, random_loss, logits_and_targets, never,
     loss_gradient_bounds},
    {"squared_error", parse_squared_error, random_extents, nullptr, nullptr, squared_error_bounds},
    {"squared_error_gradient", parse_squared_error_gradient, random_extents, nullptr, never,
     squared_error_gradient_bounds},
};

}  // namespace

TensorType logits(ProblemLine& line) {
  return {line.dtype(), {line.extent("n"), line.extent("k")}};
}
TensorType labels(const TensorType& logits) {
  return {DType::i64, {logits.shape[0]}};
}
TensorType scalar(const TensorType& like) {
  return {like.dtype == DType::f64 ? DType::f64 : DType::f32, {}};
}

Tensors logits_and_targets(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = default_inputs(problem, kind, random);
  const int64_t n = problem.inputs[0].shape[0], k = problem.inputs[0].shape[1];
  for (int64_t i = 0; i < n && kind == InputKind::kReals; ++i) {
    const double scale = random.next_below(4) == 0 ? 30 : 1;
    for (int64_t j = i * k; j < (i + 1) * k; ++j) {
      set_value(inputs[0], j, scale * value_at(inputs[0], j));
    }
  }
  if (inputs.size() == 1) return inputs;
  const bool soft = is_floating(inputs[1].dtype());
  for (int64_t i = 0; i < n; ++i) {
    if (!soft) set_value(inputs[1], i, random.next_below(static_cast<uint32_t>(k)));
    const double most = random.next_below(8) == 0 ? 0 : 1;
    for (int64_t j = i * k; soft && j < (i + 1) * k; ++j) {
      set_value(inputs[1], j, random.next_uniform(0, most));
    }
  }
  return inputs;
}

std::string random_logits(Random& random) {
  return extent("n", random, 40) + extent("k", random, random.next_below(8) ? 80 : 1500);
}

Row row_of(const Tensor& logits, int64_t n) {
  const int64_t k = logits.shape()[1];
  Row row{.maximum = -INFINITY};
  for (int64_t j = 0; j < k; ++j) row.x.push_back(value_at(logits, n * k + j));
  row.maximum = *std::ranges::max_element(row.x);
  double sum = 0;
  for (double x : row.x) sum += std::exp(x - row.maximum);
  for (double x : row.x) row.probability.push_back(std::exp(x - row.maximum) / sum);
  return row;
}

std::span<const OpRules> loss_rules() {
  return kRules;
}

}  // namespace voluta::judge
