#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/batch_norm/batch_norm_checks.h>
#include <voluta/kernels/batch_norm/batch_norm_engines.h>

#include <array>

namespace voluta {

using namespace batch_norm;

std::vector<TensorType> BatchNormInference::infer(const Options& options,
                                                  std::span<const TensorType> inputs) {
  check_epsilon(options.epsilon);
  check_inputs(inputs, 1, 4);
  return {inputs[0]};
}

void BatchNormInference::gradient(GradientContext& context) {
  const std::vector<Value> gradients = context.graph().add_all<BatchNormInferenceGradient>(
      context.options<Options>(),
      {context.input(0), context.output_gradient(0), context.input(1), context.input(3),
       context.input(4)},
      context.path());
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (context.wants(i)) context.set(i, gradients[i]);
  }
}

Cost BatchNormInference::cost(const Problem& problem) {
  return cost_per_element(problem, 3);  // subtract, multiply-add
}

int64_t BatchNormInference::reduction_length(const Problem&) {
  return 2;
}

std::string BatchNormInference::describe(const Problem& problem) {
  return describe_rows(problem, epsilon_word(problem.options_as<Options>().epsilon));
}

std::span<const Engine> BatchNormInference::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kInferenceBroadcast, kInferenceCudnn,
#endif
      kInferenceOpenmp, kInferenceReference};
  return engines;
}

std::vector<Alias> BatchNormInference::aliases(const Problem&) {
  return {{.input = 0, .output = 0}};
}

std::vector<TensorType> BatchNormInferenceGradient::infer(const Options& options,
                                                          std::span<const TensorType> inputs) {
  check_epsilon(options.epsilon);
  const TensorType vector = check_inputs(inputs, 2, 3);
  return {inputs[0], vector, vector};
}

Cost BatchNormInferenceGradient::cost(const Problem& problem) {
  return cost_per_element(problem, 5);  // add; subtract, multiply-add; multiply
}

int64_t BatchNormInferenceGradient::reduction_length(const Problem& problem) {
  return longest_sum(problem);
}

std::string BatchNormInferenceGradient::describe(const Problem& problem) {
  return describe_rows(problem, epsilon_word(problem.options_as<Options>().epsilon));
}

std::span<const Engine> BatchNormInferenceGradient::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kInferenceGradientTwoPassReduction,
#endif
      kInferenceGradientOpenmp, kInferenceGradientReference};
  return engines;
}

std::vector<Alias> BatchNormInferenceGradient::aliases(const Problem&) {
  return {{.input = 1, .output = 0}};
}

}  // namespace voluta
