#include <voluta/judge/reference.h>
#include <voluta/kernels/batch_norm/batch_norm.h>

#include <algorithm>
#include <cmath>

namespace voluta::judge {
namespace {

constexpr double kUnit = 0x1p-24;

struct Line {
  TensorType x, vector;  // what belongs to a channel is f32, or f64
};
Line read(ProblemLine& line) {
  const TensorType x{line.dtype(), line.shape()};
  return {x, {x.dtype == DType::f64 ? DType::f64 : DType::f32, {x.shape[x.shape.rank() - 1]}}};
}
double epsilon_of(ProblemLine& line) {
  return line.number("eps", BatchNormOptions{}.epsilon);
}

Problem parse_training(ProblemLine& line) {
  const BatchNormOptions options{.epsilon = epsilon_of(line),
                                 .momentum = line.number("momentum", BatchNormOptions{}.momentum)};
  const auto [x, c] = read(line);
  return make_problem<BatchNormTraining>(options, {x, c, c, c, c, {DType::i64, {}}});
}
Problem parse_training_gradient(ProblemLine& line) {
  const auto [x, c] = read(line);
  return make_problem<BatchNormTrainingGradient>({}, {x, x, c, c, c});
}
Problem parse_inference(ProblemLine& line) {
  const BatchNormInferenceOptions options{epsilon_of(line)};
  const auto [x, c] = read(line);
  return make_problem<BatchNormInference>(options, {x, c, c, c, c});
}
Problem parse_inference_gradient(ProblemLine& line) {
  const BatchNormInferenceOptions options{epsilon_of(line)};
  const auto [x, c] = read(line);
  return make_problem<BatchNormInferenceGradient>(options, {x, x, c, c, c});
}

bool never(const Problem&) {
  return false;
}

// Variances and inverse deviations are positive. Channels of x have scales and means of their own;
// one in eight has a mean 1,000 times its deviation.
Tensors batch_norm_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = default_inputs(problem, kind, random);
  Tensor& spread = inputs[4];  // running variance, variance or inverse deviation
  for (int64_t c = 0; c < spread.elements(); ++c) {
    set_value(spread, c, std::fabs(value_at(spread, c)) + 0.125);
  }
  if (inputs.size() == 6) set_value(inputs[5], 0, random.next_below(1000));
  if (kind == InputKind::kIntegers) return inputs;
  for (int64_t c = 0; c < spread.elements(); ++c) {
    const double scale = std::exp(random.next_normal());
    const double shift = random.next_normal() * (random.next_below(8) == 0 ? 1000 : 1);
    for (int64_t i = c; i < inputs[0].elements(); i += spread.elements()) {
      set_value(inputs[0], i, scale * (value_at(inputs[0], i) + shift));
    }
    if (inputs.size() != 6) set_value(inputs[3], c, scale * (value_at(inputs[3], c) + shift));
  }
  return inputs;
}

// One channel of a tensor, as doubles.
std::vector<double> column(const Tensor& tensor, int64_t c, int64_t channels) {
  std::vector<double> values;
  for (int64_t i = c; i < tensor.elements(); i += channels) values.push_back(value_at(tensor, i));
  return values;
}

double inverse_root(double variance, double epsilon) {
  return 1 / std::sqrt(std::max(variance, 0.0) + epsilon);
}

// A channel's statistics and how far an engine's may be off: Note [Batch norm error bounds] in
// kernels/batch_norm/batch_norm.h.
struct Statistics {
  double rows = 0, mean = 0, variance = 0, inverse = 0;
  double mean_error = 0, variance_error = 0, inverse_error = 0;

  Statistics(const std::vector<double>& x, double n, double epsilon)
      : rows(static_cast<double>(x.size())) {
    double squares = 0;
    for (double value : x) mean += value / rows;
    for (double value : x) squares += value * value / rows;
    for (double value : x) variance += (value - mean) * (value - mean) / rows;
    inverse = inverse_root(variance, epsilon);
    const double e = mean_error = 2 * (n + 8) * kUnit * std::sqrt(squares);
    variance_error = (n + 8) * kUnit * variance + 2 * e * std::sqrt(variance) + e * e;
    inverse_error = std::max(inverse_root(variance - variance_error, epsilon) - inverse,
                             inverse - inverse_root(variance + variance_error, epsilon)) +
                    4 * kUnit * inverse;
  }
};

Bounds training_bounds(const Problem& problem, const Tensors& inputs, const Tensors&) {
  const auto& [epsilon, momentum] = problem.options_as<BatchNormOptions>();
  const int64_t channels = inputs[1].elements();
  const auto n = static_cast<double>(problem.op->reduction_length(problem));
  Bounds bounds(6);
  bounds[0].resize(static_cast<std::size_t>(inputs[0].elements()));
  bounds[5] = {0};
  for (int64_t c = 0; c < channels; ++c) {
    const std::vector<double> x = column(inputs[0], c, channels);
    const Statistics of(x, n, epsilon);
    const double weight = std::fabs(value_at(inputs[1], c)), bias = value_at(inputs[2], c);
    for (std::size_t r = 0; r < x.size(); ++r) {
      const double d = std::fabs(x[r] - of.mean);
      bounds[0][r * static_cast<std::size_t>(channels) + static_cast<std::size_t>(c)] =
          weight * (of.inverse * of.mean_error + (d + of.mean_error) * of.inverse_error +
                    4 * kUnit * of.inverse * d) +
          2 * kUnit * std::fabs(bias);
    }
    const double unbiased = of.rows / (of.rows - 1);
    bounds[1].push_back(of.mean_error);
    bounds[2].push_back(of.inverse_error);
    bounds[3].push_back(momentum * of.mean_error +
                        4 * kUnit * (std::fabs(value_at(inputs[3], c)) + std::fabs(of.mean)));
    bounds[4].push_back(momentum * of.variance_error * unbiased +
                        4 * kUnit * (value_at(inputs[4], c) + of.variance * unbiased));
  }
  return bounds;
}

// (x - mean) * scale + bias, scale within 4 u.
Bounds inference_bounds(const Problem& problem, const Tensors& inputs, const Tensors&) {
  const double epsilon = problem.options_as<BatchNormInferenceOptions>().epsilon;
  const int64_t channels = inputs[1].elements();
  std::vector<double> bound;
  for (int64_t i = 0; i < inputs[0].elements(); ++i) {
    const int64_t c = i % channels;
    const double scale = value_at(inputs[1], c) * inverse_root(value_at(inputs[4], c), epsilon);
    const double d = value_at(inputs[0], i) - value_at(inputs[3], c);
    bound.push_back(kUnit * (8 * std::fabs(d * scale) + 2 * std::fabs(value_at(inputs[2], c))));
  }
  return {bound};
}

// Sums by the judge's formula with n additions, and a few roundings of each term of dx.
Bounds gradient_bounds(const Problem& problem, const Tensors& inputs, bool training,
                       double epsilon) {
  const int64_t channels = inputs[2].elements();
  const auto n = static_cast<double>(problem.op->reduction_length(problem));
  Bounds bounds(3);
  bounds[0].resize(static_cast<std::size_t>(inputs[0].elements()));
  for (int64_t c = 0; c < channels; ++c) {
    const std::vector<double> x = column(inputs[0], c, channels),
                              dy = column(inputs[1], c, channels);
    const double weight = std::fabs(value_at(inputs[2], c)), mean = value_at(inputs[3], c);
    const double spread = value_at(inputs[4], c);
    const double inverse = training ? spread : inverse_root(spread, epsilon);
    double sum = 0, product = 0;
    for (std::size_t r = 0; r < x.size(); ++r) {
      sum += std::fabs(dy[r]);
      product += std::fabs(dy[r] * (x[r] - mean)) * inverse;
    }
    const auto rows = static_cast<double>(x.size());
    for (std::size_t r = 0; r < x.size(); ++r) {
      const double normalised = std::fabs(x[r] - mean) * inverse;
      const double through =
          training ? (n + 8) * sum / rows + (n + 12) * normalised * product / rows : 0;
      bounds[0][r * static_cast<std::size_t>(channels) + static_cast<std::size_t>(c)] =
          kUnit * weight * inverse * (6 * std::fabs(dy[r]) + through);
    }
    bounds[1].push_back((n + 8) * kUnit * product);
    bounds[2].push_back((n + 1) * kUnit * sum);
  }
  return bounds;
}

Bounds training_gradient_bounds(const Problem& problem, const Tensors& inputs, const Tensors&) {
  return gradient_bounds(problem, inputs, true, 0);
}
Bounds inference_gradient_bounds(const Problem& problem, const Tensors& inputs, const Tensors&) {
  return gradient_bounds(problem, inputs, false,
                         problem.options_as<BatchNormInferenceOptions>().epsilon);
}

// Rank 2 or 4, more than one row, up to about 4,000 elements.
std::string random_rows(Random& random) {
  auto between = [&](uint32_t low, uint32_t high) {
    return std::to_string(low + random.next_below(high - low + 1));
  };
  if (random.next_below(3) == 0) return "n" + between(2, 60) + "c" + between(1, 70);
  return "n" + between(2, 4) + "h" + between(1, 8) + "w" + between(1, 8) + "c" + between(1, 40);
}
std::string random_training(Random& random) {
  const std::string rows = random_rows(random);
  return rows + (random.next_below(3) ? "" : " eps0.001 momentum0.01");
}
std::string random_inference(Random& random) {
  const std::string rows = random_rows(random);
  return rows + (random.next_below(3) ? "" : " eps0.001");
}

constexpr std::size_t kOfXWeightAndBias = 3;

constexpr OpRules kRules[] = {
    {"batch_norm_training", parse_training, random_training, batch_norm_inputs, never,
     training_bounds, kOfXWeightAndBias},
    {"batch_norm_training_gradient", parse_training_gradient, random_rows, batch_norm_inputs, never,
     training_gradient_bounds},
    {"batch_norm_inference", parse_inference, random_inference, batch_norm_inputs, never,
     inference_bounds, kOfXWeightAndBias},
    {"batch_norm_inference_gradient", parse_inference_gradient, random_inference, batch_norm_inputs,
     never, inference_gradient_bounds},
};

}  // namespace

std::span<const OpRules> normalization_rules() {
  return kRules;
}

}  // namespace voluta::judge
