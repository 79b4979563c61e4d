#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/activation/activation.h>
#include <voluta/kernels/activation/activation_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/pool2d/max_pooling.h>

#include <array>
#include <cmath>

namespace voluta {
namespace {

constexpr std::array<std::string_view, 8> kNames = {"none",    "relu",       "relu6",     "tanh",
                                                    "sigmoid", "leaky_relu", "hardswish", "silu"};

const ActivationOptions& options_of(const Problem& problem) {
  return problem.options_as<ActivationOptions>();
}

void check_slope(std::string_view op, const ActivationOptions& options) {
  if (std::isfinite(options.negative_slope)) return;
  invalid(std::string(op) + ": the negative slope must be finite");
}

// No sums. The roundings on the way to the result: of exp, a sum and a quotient, and what a
// vendor's approximation is allowed; of hardswish's sum, product and quotient; of leaky_relu's
// slope and product.
int64_t roundings(const ActivationOptions& options) {
  switch (options.kind) {
    case ActivationKind::kTanh:
    case ActivationKind::kSigmoid:
    case ActivationKind::kSilu:
      return 4;
    case ActivationKind::kHardswish:
      return 3;
    case ActivationKind::kLeakyRelu:
      return 2;
    default:
      return 0;
  }
}

std::string describe_activation(const Problem& problem) {
  const TensorType& x = problem.inputs[0];
  return describe_extents(x.shape) + " " + describe(options_of(problem)) + " " +
         std::string(name_of(x.dtype));
}

}  // namespace

std::string_view name_of(ActivationKind kind) {
  return kNames[static_cast<std::size_t>(kind)];
}

ActivationKind parse_activation_kind(std::string_view name) {
  std::string known;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<ActivationKind>(i);
    known += (i ? ", " : "") + std::string(kNames[i]);
  }
  invalid("activation '" + std::string(name) + "' is unknown; known are " + known);
}

bool gradient_reads_input(const ActivationOptions& options) {
  switch (options.kind) {
    case ActivationKind::kHardswish:
    case ActivationKind::kSilu:
      return true;
    case ActivationKind::kLeakyRelu:
      return options.negative_slope <= 0;
    default:
      return false;
  }
}

bool fits_epilogue(const ActivationOptions& options) {
  return options.kind != ActivationKind::kLeakyRelu || options.negative_slope == kLeakyReluSlope;
}

std::string describe(const ActivationOptions& options) {
  std::string text(name_of(options.kind));
  if (!fits_epilogue(options)) text += fmt::format(" slope{}", options.negative_slope);
  return text;
}

std::vector<TensorType> Activation::infer(const Options& options,
                                          std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, 1);
  check_slope(kName, options);
  return {inputs[0]};
}

// Where all that flows back comes through one maximum or minimum pooling, it passes f before it passes the
// pooling: there are mostly fewer elements, and y, which is the pooled value at every winner, need not be kept.
void Activation::gradient(GradientContext& context) {
  const Options options = context.options<Options>();
  const Value dy = context.output_gradient(0);
  if (gradient_reads_input(options)) {
    context.set(0, context.add<ActivationGradient>(options, {context.input(0), dy}));
    return;
  }
  const auto pooling = MaxPooling::behind(context.graph(), dy);
  if (!pooling || pooling->x != context.output(0)) {
    context.set(0, context.add<ActivationGradient>(options, {context.output(0), dy}));
    return;
  }
  const Value through = context.add<ActivationGradient>(options, {pooling->y, pooling->dy});
  context.set(0, context.add<MaxPool2dGradient>(pooling->options, {through, pooling->argmax}));
}

Cost Activation::cost(const Problem& problem) {
  return {.flops = static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

int64_t Activation::reduction_length(const Problem& problem) {
  return roundings(options_of(problem));
}

std::string Activation::describe(const Problem& problem) {
  return describe_activation(problem);
}

std::span<const Engine> Activation::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kActivationElementwise,
#endif
      kActivationOnednn, kActivationOpenmp, kActivationReference, kActivationCudnn};
  return engines;
}

std::vector<Alias> Activation::aliases(const Problem&) {
  return {{.input = 0, .output = 0}};
}

std::vector<TensorType> ActivationGradient::infer(const Options& options,
                                                  std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, 2);
  check_slope(kName, options);
  if (inputs[0].shape != inputs[1].shape) {
    invalid("activation_gradient: " + std::string(gradient_reads_input(options) ? "x" : "y") +
            " has the shape " + to_string(inputs[0].shape) + " and dy " +
            to_string(inputs[1].shape) + "; they must be equal");
  }
  return {inputs[1]};
}

Cost ActivationGradient::cost(const Problem& problem) {
  return {.flops = static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

int64_t ActivationGradient::reduction_length(const Problem& problem) {
  return roundings(options_of(problem));
}

std::string ActivationGradient::describe(const Problem& problem) {
  return describe_activation(problem);
}

std::span<const Engine> ActivationGradient::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kActivationGradientElementwise,
#endif
      kActivationGradientOnednn, kActivationGradientOpenmp, kActivationGradientReference,
      kActivationGradientCudnn};
  return engines;
}

std::vector<Alias> ActivationGradient::aliases(const Problem&) {
  return {{.input = 0, .output = 0}, {.input = 1, .output = 0}};
}

}  // namespace voluta
