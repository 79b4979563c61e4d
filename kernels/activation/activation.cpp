#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/activation/activation.h>
#include <voluta/kernels/activation/activation_engines.h>
#include <voluta/kernels/common/problem_checks.h>

#include <array>

namespace voluta {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"none", "relu", "relu6", "tanh", "sigmoid"};

ActivationKind kind_of(const Problem& problem) {
  return problem.options_as<ActivationOptions>().kind;
}

bool transcendental(ActivationKind kind) {
  return kind == ActivationKind::kTanh || kind == ActivationKind::kSigmoid;
}

std::string describe_activation(const Problem& problem) {
  const TensorType& x = problem.inputs[0];
  return describe_extents(x.shape) + " " + std::string(name_of(kind_of(problem))) + " " +
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

std::vector<TensorType> Activation::infer(const Options&, std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, 1);
  return {inputs[0]};
}

void Activation::gradient(GradientContext& context) {
  context.set(0, context.add<ActivationGradient>(context.options<Options>(),
                                                 {context.output(0), context.output_gradient(0)}));
}

Cost Activation::cost(const Problem& problem) {
  return {.flops = static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

// No sums. tanh and sigmoid count the roundings on the way to the result: exp, a sum, a quotient,
// and what a vendor's approximation is allowed.
int64_t Activation::reduction_length(const Problem& problem) {
  return transcendental(kind_of(problem)) ? 4 : 0;
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

std::vector<TensorType> ActivationGradient::infer(const Options&,
                                                  std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, 2);
  if (inputs[0].shape != inputs[1].shape) {
    invalid("activation_gradient: y has the shape " + to_string(inputs[0].shape) + " and dy " +
            to_string(inputs[1].shape) + "; they must be equal");
  }
  return {inputs[1]};
}

Cost ActivationGradient::cost(const Problem& problem) {
  return {.flops = static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

// (1-y), (1+y) and two products: four roundings.
int64_t ActivationGradient::reduction_length(const Problem& problem) {
  return transcendental(kind_of(problem)) ? 4 : 0;
}

std::string ActivationGradient::describe(const Problem& problem) {
  return describe_activation(problem);
}

std::span<const Engine> ActivationGradient::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kActivationGradientElementwise,
#endif
      kActivationGradientOpenmp, kActivationGradientReference, kActivationGradientCudnn};
  return engines;
}

std::vector<Alias> ActivationGradient::aliases(const Problem&) {
  return {{.input = 0, .output = 0}, {.input = 1, .output = 0}};
}

}  // namespace voluta
