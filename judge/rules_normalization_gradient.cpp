#include <voluta/judge/compare.h>
#include <voluta/judge/norm_argument.h>
#include <voluta/judge/rules_activation.h>
#include <voluta/judge/rules_batch_norm.h>
#include <voluta/kernels/batch_norm/batch_norm.h>
#include <voluta/kernels/common/channels.h>

#include <algorithm>
#include <cmath>

namespace voluta::judge {
namespace {

using enum ActivationKind;

constexpr double kUnit = kBatchNormUnit;

// What both gradients' options hold, and the epsilon of inference.
struct Absorbed {
  bool training;
  double epsilon = 0;
  ActivationKind activation;
  bool kept, du;
  bool sums = false;
  int64_t dy_offset = 0;
};
Absorbed absorbed_by(const Problem& problem) {
  if (problem.op == &op<BatchNormTrainingGradient>()) {
    const auto& options = problem.options_as<BatchNormTrainingGradientOptions>();
    return {.training = true,
            .activation = options.activation,
            .kept = options.kept,
            .du = options.du,
            .sums = options.sums,
            .dy_offset = options.dy_offset.value_or(0)};
  }
  const auto& options = problem.options_as<BatchNormInferenceGradientOptions>();
  return {.training = false,
          .epsilon = options.epsilon,
          .activation = options.activation,
          .kept = options.kept,
          .du = options.du};
}

template <class Op>
Problem parse(ProblemLine& line, typename Op::Options options) {
  options.activation = activation_word(line);
  options.kept = line.word("kept");
  options.du = line.word("du");
  const auto [x, c] = batch_norm_types(line);
  std::vector<TensorType> inputs = {x, x, c, c, c};
  if constexpr (requires { options.dy_offset; }) {
    if (const auto channels = static_cast<int64_t>(line.integer("wide", 0)); channels > 0) {
      inputs[1] = with_channels(x, channels);
      options.dy_offset = static_cast<int64_t>(line.integer("offset", 0));
    }
  }
  if (options.activation != kNone) inputs.push_back(options.kept ? x : c);
  if constexpr (requires { options.sums; }) {
    const auto parts = static_cast<int64_t>(line.integer("sums", 0));
    options.sums = parts > 0;
    if (options.sums) inputs.push_back({c.dtype, {parts, 2, c.shape[0]}});
  }
  return make_problem<Op>(options, std::move(inputs));
}
Problem parse_training(ProblemLine& line) {
  return parse<BatchNormTrainingGradient>(line, {});
}
Problem parse_inference(ProblemLine& line) {
  return parse<BatchNormInferenceGradient>(line, {.epsilon = batch_norm_epsilon(line)});
}

// Where dy has the gradient of element i of x.
int64_t dy_index(const Tensors& inputs, const Absorbed& absorbed, int64_t i) {
  const int64_t channels = inputs[2].elements();
  const Shape& dy = inputs[1].shape();
  return i / channels * dy[dy.rank() - 1] + absorbed.dy_offset + i % channels;
}

// f's argument without a residual.
NormArgument argument(const Tensors& inputs, const Absorbed& absorbed, int64_t i) {
  const int64_t c = i % inputs[2].elements();
  const double spread = value_at(inputs[4], c);
  const double inverse = absorbed.training ? spread : inverse_root(spread, absorbed.epsilon);
  return {value_at(inputs[0], i) - value_at(inputs[3], c), inverse * value_at(inputs[2], c),
          value_at(inputs[5], c)};
}

// What f can have put out, or, where its gradient reads that, got. dy is 0 near jumps of f'.
Tensors gradient_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = batch_norm_inputs(problem, kind, random);
  const Absorbed absorbed = absorbed_by(problem);
  if (absorbed.activation == kNone || kind == InputKind::kTimed) return inputs;
  for (int64_t i = 0; i < inputs[0].elements(); ++i) {
    if (!absorbed.kept) {
      const NormArgument u = argument(inputs, absorbed, i);
      if (is_near_a_jump(absorbed.activation, u)) {
        set_value(inputs[1], dy_index(inputs, absorbed, i), 0);
      }
    } else if (kind != InputKind::kIntegers) {
      const double u = 3 * value_at(inputs[5], i);
      const bool reads_input = gradient_reads_input({.kind = absorbed.activation});
      set_value(inputs[5], i, reads_input ? u : activate(absorbed.activation, u));
    }
  }
  return inputs;
}

Du du_of(const Tensors& inputs, const Absorbed& absorbed, int64_t i) {
  const double dy = value_at(inputs[1], dy_index(inputs, absorbed, i));
  if (absorbed.activation == kNone) return {dy, 0};
  if (!absorbed.kept) return du_through(absorbed.activation, argument(inputs, absorbed, i), dy);
  const double kept = value_at(inputs[5], i);
  return {activate_gradient(absorbed.activation, kept, dy),
          std::fabs(dy) * activation_gradient_error({.kind = absorbed.activation}, kept)};
}

// Of given sums [parts, 2, C], in absolute values.
double part_total(const Tensor& sums, int64_t which, int64_t c) {
  const int64_t channels = sums.shape()[2];
  double total = 0;
  for (int64_t part = 0; part < sums.shape()[0]; ++part) {
    total += std::fabs(value_at(sums, (part * 2 + which) * channels + c));
  }
  return total;
}

// Sums by the judge's formula with n additions and the errors of du, and a few roundings of each
// term of dx.
Bounds gradient_bounds(const Problem& problem, const Tensors& inputs, const Tensors&) {
  const Absorbed absorbed = absorbed_by(problem);
  const int64_t channels = inputs[2].elements(), rows = inputs[0].elements() / channels;
  const auto n = static_cast<double>(problem.op->reduction_length(problem));
  Bounds bounds(absorbed.du ? 4 : 3);
  bounds[0].resize(static_cast<std::size_t>(inputs[0].elements()));
  if (absorbed.du) bounds[3] = bounds[0];
  for (int64_t c = 0; c < channels; ++c) {
    const std::vector<double> x = channel_of(inputs[0], c, channels);
    const double weight = std::fabs(value_at(inputs[2], c)), mean = value_at(inputs[3], c);
    const double spread = value_at(inputs[4], c);
    const double inverse = absorbed.training ? spread : inverse_root(spread, absorbed.epsilon);
    double sum = 0, product = 0, sum_error = 0, product_error = 0;
    std::vector<Du> du;
    for (int64_t r = 0; r < rows; ++r) {
      du.push_back(du_of(inputs, absorbed, r * channels + c));
      const double normalised = std::fabs(x[static_cast<std::size_t>(r)] - mean) * inverse;
      sum += std::fabs(du.back().value);
      product += std::fabs(du.back().value) * normalised;
      sum_error += du.back().error;
      product_error += du.back().error * normalised;
    }
    if (absorbed.sums) {
      sum = part_total(inputs.back(), 0, c);
      product = part_total(inputs.back(), 1, c) * inverse;
      sum_error = product_error = 0;
    }
    const auto all = static_cast<double>(rows);
    for (int64_t r = 0; r < rows; ++r) {
      const auto i = static_cast<std::size_t>(r * channels + c);
      const auto [value, error] = du[static_cast<std::size_t>(r)];
      const double normalised = std::fabs(x[static_cast<std::size_t>(r)] - mean) * inverse;
      const double through = (n + 8) * kUnit * sum + sum_error +
                             normalised * ((n + 12) * kUnit * product + product_error);
      // A du that is an output is read again as it was stored.
      const double read = absorbed.du ? allowed_error(inputs[0].dtype(), value, error) : error;
      bounds[0][i] =
          weight * inverse *
          (6 * kUnit * std::fabs(value) + read + (absorbed.training ? through / all : 0));
      if (absorbed.du) bounds[3][i] = error;
    }
    bounds[1].push_back((n + 8) * kUnit * product + product_error);
    bounds[2].push_back((n + 1) * kUnit * sum + sum_error);
  }
  return bounds;
}

std::string random_absorbed(Random& random) {
  const std::string activation = random_activation_word(random);
  if (activation.empty()) return "";
  return activation + (random.next_below(2) ? " kept" : "") + (random.next_below(2) ? " du" : "");
}
std::string random_training(Random& random) {
  const std::string rows = random_batch_norm_rows(random);
  const int64_t channels = std::stoll(rows.substr(rows.find('c') + 1));
  const uint32_t offset = random.next_below(12);
  const std::string wide = " wide" + std::to_string(channels + offset + random.next_below(9)) +
                           " offset" + std::to_string(offset);
  if (random.next_below(4)) {
    return rows + random_absorbed(random) + (random.next_below(3) ? "" : wide);
  }
  return rows + random_activation_word(random) + " sums" +
         std::to_string(1 + random.next_below(600));
}
std::string random_inference(Random& random) {
  const std::string rows = random_batch_norm_rows(random);
  const std::string epsilon = random.next_below(3) ? "" : " eps0.001";
  return rows + epsilon + random_absorbed(random);
}

constexpr OpRules kRules[] = {
    {"batch_norm_training_gradient", parse_training, random_training, gradient_inputs, never,
     gradient_bounds},
    {"batch_norm_inference_gradient", parse_inference, random_inference, gradient_inputs, never,
     gradient_bounds},
};

}  // namespace

std::span<const OpRules> normalization_gradient_rules() {
  return kRules;
}

}  // namespace voluta::judge
