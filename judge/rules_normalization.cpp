#include <voluta/judge/rules_activation.h>
#include <voluta/judge/rules_batch_norm.h>
#include <voluta/kernels/batch_norm/batch_norm.h>

#include <algorithm>
#include <cmath>

namespace voluta::judge {
namespace {

constexpr double kUnit = kBatchNormUnit;

Problem parse_training(ProblemLine& line) {
  const BatchNormOptions options{.epsilon = batch_norm_epsilon(line),
                                 .momentum = line.number("momentum", BatchNormOptions{}.momentum),
                                 .activation = activation_word(line),
                                 .residual = line.word("residual"),
                                 .moments = line.word("moments"),
                                 .deferred = line.word("deferred")};
  const auto [x, c] = batch_norm_types(line);
  std::vector<TensorType> inputs = {x, c, c, c, c, {DType::i64, {}}};
  if (options.residual) inputs.push_back(x);
  if (options.moments) {
    const int64_t channels = c.shape[0], rows = x.shape.elements() / channels;
    inputs.push_back({c.dtype, {(rows + kMomentsRows - 1) / kMomentsRows, 2, channels}});
  }
  return make_problem<BatchNormTraining>(options, std::move(inputs));
}
Problem parse_inference(ProblemLine& line) {
  const BatchNormInferenceOptions options{.epsilon = batch_norm_epsilon(line),
                                          .activation = activation_word(line),
                                          .residual = line.word("residual")};
  const auto [x, c] = batch_norm_types(line);
  std::vector<TensorType> inputs = {x, c, c, c, c};
  if (options.residual) inputs.push_back(x);
  return make_problem<BatchNormInference>(options, std::move(inputs));
}

// Of the parts of x.
void set_moments(const Tensor& x, Tensor& moments) {
  const int64_t channels = moments.shape()[2], rows = x.elements() / channels;
  for (int64_t c = 0; c < channels; ++c) {
    const std::vector<double> column = channel_of(x, c, channels);
    for (int64_t first = 0; first < rows; first += kMomentsRows) {
      const std::vector<double> part(column.begin() + first,
                                     column.begin() + std::min(rows, first + kMomentsRows));
      double mean = 0, deviations = 0;
      for (double value : part) mean += value / static_cast<double>(part.size());
      for (double value : part) deviations += (value - mean) * (value - mean);
      const int64_t at = first / kMomentsRows * 2 * channels + c;
      set_value(moments, at, mean);
      set_value(moments, at + channels, deviations);
    }
  }
}

Tensors training_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = batch_norm_inputs(problem, kind, random);
  if (problem.options_as<BatchNormOptions>().moments) set_moments(inputs[0], inputs.back());
  return inputs;
}

// Of f's argument: what the normalisation errs by, the residual's share, f's own.
double argument_bound(double normalisation, double scaled, double bias, const Tensor* residual,
                      int64_t i) {
  if (residual == nullptr) return normalisation;
  return normalisation +
         kUnit * (std::fabs(scaled) + std::fabs(bias) + 2 * std::fabs(value_at(*residual, i)));
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

Bounds training_bounds(const Problem& problem, const Tensors& inputs, const Tensors& reference) {
  const BatchNormOptions& options = problem.options_as<BatchNormOptions>();
  const double momentum = options.momentum;
  const Tensor* const residual = options.residual ? &inputs[6] : nullptr;
  const int64_t channels = inputs[1].elements();
  const auto n = static_cast<double>(problem.op->reduction_length(problem));
  Bounds bounds(6);
  bounds[0].resize(static_cast<std::size_t>(reference[0].elements()));
  bounds[5] = {0};
  for (int64_t c = 0; c < channels; ++c) {
    const std::vector<double> x = channel_of(inputs[0], c, channels);
    const Statistics of(x, n, options.epsilon);
    const double weight = std::fabs(value_at(inputs[1], c)), bias = value_at(inputs[2], c);
    if (options.deferred) {  // m, w s and b
      const auto at = static_cast<std::size_t>(c), next = static_cast<std::size_t>(channels);
      bounds[0][at] = of.mean_error;
      bounds[0][at + next] = weight * (of.inverse_error + kUnit * of.inverse);
      bounds[0][at + 2 * next] = 0;
    }
    for (std::size_t r = 0; r < x.size() && !options.deferred; ++r) {
      const double d = std::fabs(x[r] - of.mean);
      const int64_t i = static_cast<int64_t>(r) * channels + c;
      const double normalisation =
          weight * (of.inverse * of.mean_error + (d + of.mean_error) * of.inverse_error +
                    4 * kUnit * of.inverse * d) +
          2 * kUnit * std::fabs(bias);
      bounds[0][static_cast<std::size_t>(i)] =
          argument_bound(normalisation, weight * of.inverse * d, bias, residual, i);
    }
    const double unbiased = of.rows / (of.rows - 1);
    bounds[1].push_back(of.mean_error);
    bounds[2].push_back(of.inverse_error);
    bounds[3].push_back(momentum * of.mean_error +
                        4 * kUnit * (std::fabs(value_at(inputs[3], c)) + std::fabs(of.mean)));
    bounds[4].push_back(momentum * of.variance_error * unbiased +
                        4 * kUnit * (value_at(inputs[4], c) + of.variance * unbiased));
  }
  add_activation_error(options.activation, reference[0], bounds[0]);
  return bounds;
}

// (x - mean) * scale + bias, scale within 4 u.
Bounds inference_bounds(const Problem& problem, const Tensors& inputs, const Tensors& reference) {
  const BatchNormInferenceOptions& options = problem.options_as<BatchNormInferenceOptions>();
  const Tensor* const residual = options.residual ? &inputs[5] : nullptr;
  const int64_t channels = inputs[1].elements();
  std::vector<double> bound;
  for (int64_t i = 0; i < inputs[0].elements(); ++i) {
    const int64_t c = i % channels;
    const double scale =
        value_at(inputs[1], c) * inverse_root(value_at(inputs[4], c), options.epsilon);
    const double scaled = (value_at(inputs[0], i) - value_at(inputs[3], c)) * scale;
    const double bias = value_at(inputs[2], c);
    const double normalisation = kUnit * (8 * std::fabs(scaled) + 2 * std::fabs(bias));
    bound.push_back(argument_bound(normalisation, scaled, bias, residual, i));
  }
  add_activation_error(options.activation, reference[0], bound);
  return {bound};
}

std::string random_fused(Random& random) {
  const std::string residual = random.next_below(2) ? "" : " residual";
  return residual + random_activation_word(random);
}
std::string random_training(Random& random) {
  const std::string rows = random_batch_norm_rows(random);
  return rows + (random.next_below(3) ? "" : " eps0.001 momentum0.01") +
         (random.next_below(3) ? "" : " moments") +
         (random.next_below(4) ? random_fused(random) : " deferred");
}
std::string random_inference(Random& random) {
  const std::string rows = random_batch_norm_rows(random);
  return rows + (random.next_below(3) ? "" : " eps0.001") + random_fused(random);
}
// x, weight, bias and the residual.
template <class Op>
bool has_gradient(const Problem& problem, std::size_t input) {
  const std::size_t residual = std::is_same_v<Op, BatchNormTraining> ? 6 : 5;
  return input < 3 || (input == residual && problem.options_as<typename Op::Options>().residual);
}

constexpr OpRules kRules[] = {
    {"batch_norm_training", parse_training, random_training, training_inputs, never,
     training_bounds, has_gradient<BatchNormTraining>},
    {"batch_norm_inference", parse_inference, random_inference, batch_norm_inputs, never,
     inference_bounds, has_gradient<BatchNormInference>},
};

}  // namespace

BatchNormTypes batch_norm_types(ProblemLine& line) {
  const TensorType x{line.dtype(), line.shape()};
  return {x, {x.dtype == DType::f64 ? DType::f64 : DType::f32, {x.shape[x.shape.rank() - 1]}}};
}
double batch_norm_epsilon(ProblemLine& line) {
  return line.number("eps", BatchNormOptions{}.epsilon);
}

std::string random_batch_norm_rows(Random& random) {
  auto between = [&](uint32_t low, uint32_t high) {
    return std::to_string(low + random.next_below(high - low + 1));
  };
  if (random.next_below(3) == 0) return "n" + between(2, 60) + "c" + between(1, 70);
  return "n" + between(2, 4) + "h" + between(1, 8) + "w" + between(1, 8) + "c" + between(1, 40);
}

Tensors batch_norm_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = default_inputs(problem, kind, random);
  Tensor& spread = inputs[4];  // running variance, variance or inverse deviation
  for (int64_t c = 0; c < spread.elements(); ++c) {
    set_value(spread, c, std::fabs(value_at(spread, c)) + 0.125);
  }
  const bool training = problem.op == &op<BatchNormTraining>();
  if (training) set_value(inputs[5], 0, random.next_below(1000));
  if (kind == InputKind::kIntegers || kind == InputKind::kTimed) return inputs;
  const double far = inputs[0].dtype() == DType::f16 ? 100 : 1000;
  for (int64_t c = 0; c < spread.elements(); ++c) {
    const double scale = std::exp(random.next_normal());
    const double shift = random.next_normal() * (random.next_below(8) == 0 ? far : 1);
    for (int64_t i = c; i < inputs[0].elements(); i += spread.elements()) {
      set_value(inputs[0], i, scale * (value_at(inputs[0], i) + shift));
    }
    if (!training) set_value(inputs[3], c, scale * (value_at(inputs[3], c) + shift));
  }
  return inputs;
}

std::vector<double> channel_of(const Tensor& tensor, int64_t c, int64_t channels) {
  std::vector<double> values;
  for (int64_t i = c; i < tensor.elements(); i += channels) values.push_back(value_at(tensor, i));
  return values;
}

double inverse_root(double variance, double epsilon) {
  return 1 / std::sqrt(std::max(variance, 0.0) + epsilon);
}

bool never(const Problem&) {
  return false;
}

std::span<const OpRules> normalization_rules() {
  return kRules;
}

}  // namespace voluta::judge
