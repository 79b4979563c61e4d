#include <voluta/core/error.h>
#include <voluta/judge/reference.h>
#include <voluta/judge/rules_activation.h>
#include <voluta/kernels/add/add.h>
#include <voluta/kernels/bias/bias.h>
#include <voluta/kernels/concat/concat.h>
#include <voluta/kernels/flatten/flatten.h>
#include <voluta/kernels/scale/scale.h>

#include <array>
#include <cmath>

namespace voluta::judge {
namespace {

using enum ActivationKind;
constexpr std::array kKinds = {kRelu, kRelu6, kTanh, kSigmoid, kLeakyRelu, kHardswish, kSilu};

constexpr double kUnit = 0x1p-24;
// What is lost where exp(-x) leaves f32's range, at x < -88.7: y is 0 and ought to be less than
// 88.8 exp(-88.7).
constexpr double kLostByExp = 0x1p-120;

TensorType any_shape(ProblemLine& line) {
  return {line.dtype(), line.shape()};
}

ActivationOptions activation_options(ProblemLine& line) {
  const ActivationKind kind = activation_word(line);
  if (kind == ActivationKind::kNone) invalid("'" + line.text() + "' names no activation");
  return {kind, line.number("slope", kLeakyReluSlope)};
}

Problem parse_activation(ProblemLine& line) {
  return make_problem<Activation>(activation_options(line), {any_shape(line)});
}
Problem parse_activation_gradient(ProblemLine& line) {
  const TensorType type = any_shape(line);
  return make_problem<ActivationGradient>(activation_options(line), {type, type});
}
Problem parse_add(ProblemLine& line) {
  const TensorType type = any_shape(line);
  return make_problem<Add>({}, {type, type});
}
Problem parse_scale(ProblemLine& line) {
  return make_problem<Scale>({line.number("factor", 1)}, {any_shape(line)});
}
Problem parse_bias(ProblemLine& line) {
  const TensorType type = any_shape(line);
  const auto axes = static_cast<std::size_t>(line.number("axes", 1));
  return make_problem<Bias>({}, {type, {type.dtype, Shape(type.shape.extents().last(axes))}});
}
Problem parse_bias_gradient(ProblemLine& line) {
  const int axes = static_cast<int>(line.number("axes", 1));
  return make_problem<BiasGradient>({.axes = axes}, {any_shape(line)});
}
Problem parse_flatten(ProblemLine& line) {
  return make_problem<Flatten>({}, {any_shape(line)});
}
Problem parse_unflatten(ProblemLine& line) {
  const TensorType y = any_shape(line);
  const UnflattenOptions options{.height = y.shape[1], .width = y.shape[2], .channels = y.shape[3]};
  const int64_t features = options.height * options.width * options.channels;
  return make_problem<Unflatten>(options, {{y.dtype, {y.shape[0], features}}});
}

Problem parse_concat(ProblemLine& line) {
  const TensorType first = any_shape(line);
  std::vector<TensorType> inputs = {first};
  for (int i = 1;; ++i) {
    const auto channels = static_cast<int64_t>(line.number("x" + std::to_string(i) + "=", 0));
    if (channels == 0) break;
    std::vector<int64_t> extents(first.shape.extents().begin(), first.shape.extents().end());
    extents.back() = channels;
    inputs.push_back({first.dtype, Shape(std::span<const int64_t>(extents))});
  }
  return make_problem<Concat>({}, std::move(inputs));
}
Problem parse_channel_slice(ProblemLine& line) {
  return make_problem<ChannelSlice>({static_cast<int64_t>(line.number("offset", 0)),
                                     static_cast<int64_t>(line.number("channels", 1))},
                                    {any_shape(line)});
}
Problem parse_channel_pad(ProblemLine& line) {
  return make_problem<ChannelPad>({static_cast<int64_t>(line.number("before", 0)),
                                   static_cast<int64_t>(line.number("after", 0))},
                                  {any_shape(line)});
}

bool exact_on_integers(const Problem& problem) {
  return is_exact_on_integers(problem.options_as<ActivationOptions>().kind);
}

Bounds activation_bounds(const Problem& problem, const Tensors&, const Tensors& reference) {
  std::vector<double> bound(static_cast<std::size_t>(reference[0].elements()), 0.0);
  add_activation_error(problem.options_as<ActivationOptions>().kind, reference[0], bound);
  return {bound};
}

// What roundings leave of dy times the slope, in units of u |dy|, for `kept` = |y| or |x|.
//   tanh        dy (1 - y^2), three roundings of terms no greater than 1 + y^2, in whichever order
//   sigmoid     dy y (1 - y), likewise
//   leaky_relu  the slope a as f32, and the product: 2 a
//   hardswish   dy (x/3 + 1/2): four of terms no greater than |x|/3 + 1/2
//   silu        s errs by 6 u s (exp by 2 ulp), so 1 - s by 6 u + u, 1 + x (1 - s) by
//               u (8 |x| + 1), the whole by u s (16 |x| + 9)
double gradient_error(const ActivationOptions& options, double kept) {
  switch (options.kind) {
    case kTanh:
      return 4 * (1 + kept * kept);
    case kSigmoid:
      return 4 * kept * (1 + kept);
    case kLeakyRelu:
      return 2 * std::fabs(options.negative_slope);
    case kHardswish:
      return 4 * (kept / 3 + 0.5);
    default:
      return 0;
  }
}
double silu_gradient_error(double x) {
  return 16 / (1 + std::exp(-x)) * (1 + std::fabs(x));
}

Bounds activation_gradient_bounds(const Problem& problem, const Tensors& inputs, const Tensors&) {
  const ActivationOptions& options = problem.options_as<ActivationOptions>();
  std::vector<double> bound;
  for (int64_t i = 0; i < inputs[0].elements(); ++i) {
    bound.push_back(std::fabs(value_at(inputs[1], i)) *
                    activation_gradient_error(options, value_at(inputs[0], i)));
  }
  return {bound};
}

// What an activation of this kind can have put out, or, where its gradient reads that, got.
Tensors activation_gradient_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = default_inputs(problem, kind, random);
  if (kind == InputKind::kIntegers || kind == InputKind::kTimed) return inputs;
  const ActivationOptions& options = problem.options_as<ActivationOptions>();
  for (int64_t i = 0; i < inputs[0].elements(); ++i) {
    const double x = 3 * value_at(inputs[0], i);
    const double y = activate(options.kind, x, options.negative_slope);
    set_value(inputs[0], i, gradient_reads_input(options) ? x : y);
  }
  return inputs;
}

// Odd and even extents, ranks 1, 2 and 4, up to about 4,000 elements.
std::string random_extents(Random& random, int min_rank = 1) {
  auto up_to = [&](uint32_t most) { return std::to_string(1 + random.next_below(most)); };
  switch (std::max<int>(min_rank, 1 << random.next_below(3))) {
    case 1:
      return "c" + up_to(2000);
    case 2:
      return "n" + up_to(40) + "c" + up_to(100);
    default:
      return "n" + up_to(3) + "h" + up_to(9) + "w" + up_to(9) + "c" + up_to(24);
  }
}
std::string random_any(Random& random) {
  return random_extents(random);
}
std::string random_bias(Random& random) {
  if (random.next_below(2)) return random_extents(random);
  return random_extents(random, 4) + " axes" + std::to_string(1 + random.next_below(4));
}
std::string random_picture(Random& random) {
  return random_extents(random, 4);
}
std::string random_concat(Random& random) {
  std::string line = random_extents(random);
  for (uint32_t i = 1, inputs = random.next_below(5); i <= inputs; ++i) {
    line += " x" + std::to_string(i) + "=" + std::to_string(1 + random.next_below(20));
  }
  return line;
}
std::string random_channel_slice(Random& random) {
  const uint32_t channels = 1 + random.next_below(40), offset = random.next_below(channels);
  return "n2h3w" + std::to_string(1 + random.next_below(9)) + "c" + std::to_string(channels) +
         " offset" + std::to_string(offset) + " channels" +
         std::to_string(1 + random.next_below(channels - offset));
}
std::string random_channel_pad(Random& random) {
  return random_extents(random) + " before" + std::to_string(random.next_below(9)) + " after" +
         std::to_string(random.next_below(9));
}
std::string random_activation(Random& random) {
  constexpr std::array kSlopes = {kLeakyReluSlope, 0.2, 0.0, -0.5, 1.5};
  ActivationOptions options{.kind = kKinds[random.next_below(kKinds.size())]};
  if (options.kind == kLeakyRelu) options.negative_slope = kSlopes[random.next_below(5)];
  return random_extents(random) + " " + describe(options);
}

// A factor that f32 holds gives the product rounded once, on reals too.
bool has_exact_factor(const Problem& problem) {
  const double factor = problem.options_as<ScaleOptions>().factor;
  return static_cast<float>(factor) == factor;
}
std::string random_scale(Random& random) {
  constexpr std::array kFactors = {" factor-1", " factor0.375", " factor0.3", " factor-17.25",
                                   " factor1e-05"};
  return random_extents(random) + kFactors[random.next_below(kFactors.size())];
}

constexpr OpRules kRules[] = {
    {"activation", parse_activation, random_activation, nullptr, exact_on_integers,
     activation_bounds},
    {"activation_gradient", parse_activation_gradient, random_activation,
     activation_gradient_inputs, exact_on_integers, activation_gradient_bounds},
    {"add", parse_add, random_any},
    {"concat", parse_concat, random_concat},
    {"channel_slice", parse_channel_slice, random_channel_slice},
    {"channel_pad", parse_channel_pad, random_channel_pad},
    {"scale", parse_scale, random_scale, nullptr, has_exact_factor},
    {"bias", parse_bias, random_bias},
    {"bias_gradient", parse_bias_gradient, random_bias},
    {"flatten", parse_flatten, random_picture},
    {"unflatten", parse_unflatten, random_picture},
};

}  // namespace

ActivationKind activation_word(ProblemLine& line) {
  for (ActivationKind kind : kKinds) {
    if (line.word(std::string(name_of(kind)))) return kind;
  }
  return ActivationKind::kNone;
}

std::string random_activation_word(Random& random) {
  return random.next_below(2) ? "" : " " + std::string(name_of(kKinds[random.next_below(7)]));
}

bool is_exact_on_integers(ActivationKind kind) {
  return kind == kNone || kind == kRelu || kind == kRelu6;
}

// Slopes: silu's 1.0998 at x = 2.40, hardswish's 3/2 below x = 3. Own errors: 4 ulp for what is
// made of exponentials, since CUDA's tanhf and expf err by at most 2 (CUDA programming guide, table
// of maximum ulp errors) and 1 / (1 + e) and x / (1 + e) add a rounding for each operation; the sum,
// product and quotient of hardswish; leaky_relu's slope as f32 and the product.
void add_activation_error(ActivationKind kind, const Tensor& y, std::vector<double>& bound) {
  const double slope = kind == kHardswish ? 1.5 : kind == kSilu ? 1.1 : 1;
  const double roundings = kind == kHardswish ? 4 : kind == kLeakyRelu ? 2 : 8;
  for (int64_t i = 0; i < y.elements(); ++i) {
    double& at = bound[static_cast<std::size_t>(i)];
    at *= slope;
    if (is_exact_on_integers(kind)) continue;
    at += roundings * kUnit * std::fabs(value_at(y, i)) + (kind == kSilu ? kLostByExp : 0);
  }
}

double activation_gradient_error(const ActivationOptions& options, double kept) {
  if (options.kind == kSilu) return kUnit * silu_gradient_error(kept) + kLostByExp;
  return kUnit * gradient_error(options, std::fabs(kept));
}

std::span<const OpRules> elementwise_rules() {
  return kRules;
}

}  // namespace voluta::judge
