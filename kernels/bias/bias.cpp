#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/bias/bias.h>
#include <voluta/kernels/bias/bias_engines.h>
#include <voluta/kernels/common/problem_checks.h>

namespace voluta {
namespace {

int64_t channels_of(std::string_view op, const Shape& shape) {
  if (shape.rank() < 1) invalid(std::string(op) + ": a scalar has no channels");
  return shape[shape.rank() - 1];
}

std::string describe_bias(const Problem& problem) {
  return describe_extents(problem.inputs[0].shape) + " " +
         std::string(name_of(problem.inputs[0].dtype));
}

}  // namespace

BiasExtents bias_extents(const Problem& problem) {
  const Shape& shape = problem.inputs[0].shape;
  const int64_t channels = shape[shape.rank() - 1];
  return {channels == 0 ? 0 : shape.elements() / channels, channels};
}

std::vector<TensorType> Bias::infer(const Options&, std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, 2);
  const int64_t channels = channels_of(kName, inputs[0].shape);
  if (inputs[1].shape != Shape{channels}) {
    invalid("bias: x " + to_string(inputs[0].shape) + " needs a bias of shape [" +
            std::to_string(channels) + "], not " + to_string(inputs[1].shape));
  }
  return {inputs[0]};
}

void Bias::gradient(GradientContext& context) {
  if (context.wants(0)) context.set(0, context.output_gradient(0));
  if (context.wants(1)) context.set(1, context.add<BiasGradient>({}, {context.output_gradient(0)}));
}

Cost Bias::cost(const Problem& problem) {
  return {.flops = static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

int64_t Bias::reduction_length(const Problem&) {
  return 1;
}

std::string Bias::describe(const Problem& problem) {
  return describe_bias(problem);
}

std::span<const Engine> Bias::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kBiasBroadcast,
#endif
      kBiasOpenmp, kBiasReference};
  return engines;
}

std::vector<Alias> Bias::aliases(const Problem&) {
  return {{.input = 0, .output = 0}};
}

std::vector<TensorType> BiasGradient::infer(const Options&, std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, 1);
  return {{inputs[0].dtype, Shape{channels_of(kName, inputs[0].shape)}}};
}

Cost BiasGradient::cost(const Problem& problem) {
  return {.flops = static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

int64_t BiasGradient::reduction_length(const Problem& problem) {
  return bias_extents(problem).rows;
}

std::string BiasGradient::describe(const Problem& problem) {
  return describe_bias(problem);
}

std::span<const Engine> BiasGradient::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kBiasGradientTwoPassReduction,
#endif
      kBiasGradientOpenmp, kBiasGradientReference};
  return engines;
}

}  // namespace voluta
