#include "reference.h"
#include "rules_activation.h"

#include <voluta/core/error.h>
#include <voluta/kernels/add/add.h>
#include <voluta/kernels/bias/bias.h>
#include <voluta/kernels/flatten/flatten.h>

#include <array>
#include <cmath>

namespace voluta::judge {
namespace {

constexpr std::array kKinds = {ActivationKind::kRelu, ActivationKind::kRelu6, ActivationKind::kTanh,
                               ActivationKind::kSigmoid};

TensorType any_shape(ProblemLine& line) {
  return {line.dtype(), line.shape()};
}

ActivationOptions activation_options(ProblemLine& line) {
  const ActivationKind kind = activation_word(line);
  if (kind == ActivationKind::kNone) invalid("'" + line.text() + "' names no activation");
  return {kind};
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
Problem parse_bias(ProblemLine& line) {
  const TensorType type = any_shape(line);
  return make_problem<Bias>({}, {type, {type.dtype, {type.shape[type.shape.rank() - 1]}}});
}
Problem parse_bias_gradient(ProblemLine& line) {
  return make_problem<BiasGradient>({}, {any_shape(line)});
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

bool exact_on_integers(const Problem& problem) {
  return is_piecewise_linear(problem.options_as<ActivationOptions>().kind);
}

Bounds activation_bounds(const Problem& problem, const Tensors&, const Tensors& reference) {
  std::vector<double> bound(static_cast<std::size_t>(reference[0].elements()), 0.0);
  add_activation_error(problem.options_as<ActivationOptions>().kind, reference[0], bound);
  return {bound};
}

// tanh: dy (1 - y^2) and sigmoid: dy y (1 - y), in whichever order: three roundings of terms no
// greater than |dy| (1 + y^2) and |dy| |y| (1 + |y|).
Bounds activation_gradient_bounds(const Problem& problem, const Tensors& inputs, const Tensors&) {
  const ActivationKind kind = problem.options_as<ActivationOptions>().kind;
  const bool tanh = kind == ActivationKind::kTanh;
  std::vector<double> bound(static_cast<std::size_t>(inputs[0].elements()), 0.0);
  if (!is_piecewise_linear(kind)) {
    for (int64_t i = 0; i < inputs[0].elements(); ++i) {
      const double y = std::fabs(value_at(inputs[0], i)), dy = std::fabs(value_at(inputs[1], i));
      bound[static_cast<std::size_t>(i)] = 4 * 0x1p-24 * dy * (tanh ? 1 + y * y : y * (1 + y));
    }
  }
  return {bound};
}

// What an activation of this kind can have put out.
Tensors activation_gradient_inputs(const Problem& problem, InputKind kind, Random& random) {
  Tensors inputs = default_inputs(problem, kind, random);
  if (kind == InputKind::kIntegers) return inputs;
  const ActivationKind activation = problem.options_as<ActivationOptions>().kind;
  for (int64_t i = 0; i < inputs[0].elements(); ++i) {
    set_value(inputs[0], i, activate(activation, 3 * value_at(inputs[0], i)));
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
std::string random_picture(Random& random) {
  return random_extents(random, 4);
}
std::string random_activation(Random& random) {
  const ActivationKind kind = kKinds[random.next_below(kKinds.size())];
  return random_extents(random) + " " + std::string(name_of(kind));
}

constexpr OpRules kRules[] = {
    {"activation", parse_activation, random_activation, nullptr, exact_on_integers,
     activation_bounds},
    {"activation_gradient", parse_activation_gradient, random_activation,
     activation_gradient_inputs, exact_on_integers, activation_gradient_bounds},
    {"add", parse_add, random_any},
    {"bias", parse_bias, random_any},
    {"bias_gradient", parse_bias_gradient, random_any},
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

bool is_piecewise_linear(ActivationKind kind) {
  return kind != ActivationKind::kTanh && kind != ActivationKind::kSigmoid;
}

// 4 ulp: CUDA's tanhf and expf err by at most 2 (CUDA programming guide, table of maximum ulp
// errors); 1 / (1 + e) adds a rounding for each of its two operations.
void add_activation_error(ActivationKind kind, const Tensor& y, std::vector<double>& bound) {
  if (is_piecewise_linear(kind)) return;
  for (int64_t i = 0; i < y.elements(); ++i) {
    bound[static_cast<std::size_t>(i)] += 4 * 0x1p-23 * std::fabs(value_at(y, i));
  }
}

std::span<const OpRules> elementwise_rules() {
  return kRules;
}

}  // namespace voluta::judge
