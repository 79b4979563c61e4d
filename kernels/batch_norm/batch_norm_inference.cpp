#include <voluta/kernels/batch_norm/batch_norm_checks.h>
#include <voluta/kernels/batch_norm/batch_norm_engines.h>
#include <voluta/kernels/batch_norm/batch_norm_fusion.h>

#include <array>

namespace voluta {

using namespace batch_norm;

std::vector<TensorType> BatchNormInference::infer(const Options& options,
                                                  std::span<const TensorType> inputs) {
  check_epsilon(options.epsilon);
  check_inputs(inputs, 1, 4);
  check_count(inputs, options.residual ? 6 : 5);
  if (options.residual) check_residual(inputs, 5);
  return {inputs[0]};
}

void BatchNormInference::gradient(GradientContext& context) {
  const Options& options = context.options<Options>();
  append_gradient<BatchNormInferenceGradient>(context, options, 5, {.epsilon = options.epsilon},
                                              context.input(3), context.input(4));
}

Cost BatchNormInference::cost(const Problem& problem) {
  return cost_per_element(problem, 3);  // subtract, multiply-add
}

int64_t BatchNormInference::reduction_length(const Problem& problem) {
  return problem.options_as<Options>().residual ? 3 : 2;
}

std::string BatchNormInference::describe(const Problem& problem) {
  const Options& options = problem.options_as<Options>();
  return describe_rows(
      problem, epsilon_word(options.epsilon) + fused_words(options.activation, options.residual));
}

std::span<const Engine> BatchNormInference::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kInferenceBroadcast, kInferenceCudnn,
#endif
      kInferenceOpenmp, kInferenceReference};
  return engines;
}

std::vector<Alias> BatchNormInference::aliases(const Problem& problem) {
  std::vector<Alias> aliases = {{.input = 0, .output = 0}};
  if (problem.options_as<Options>().residual) aliases.push_back({.input = 5, .output = 0});
  return aliases;
}

bool BatchNormInference::fuse(const Problem& producer, const Problem& consumer, int input,
                              Fusion& fusion) {
  return fuse_behind<Options>(producer, consumer, input, fusion);
}

}  // namespace voluta
