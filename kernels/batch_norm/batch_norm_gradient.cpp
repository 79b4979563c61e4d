#include <voluta/kernels/batch_norm/batch_norm_checks.h>
#include <voluta/kernels/batch_norm/batch_norm_engines.h>
#include <voluta/kernels/batch_norm/batch_norm_fusion.h>

#include <array>

namespace voluta {

using namespace batch_norm;

std::vector<TensorType> BatchNormTrainingGradient::infer(const Options& options,
                                                         std::span<const TensorType> inputs) {
  return infer_gradient(inputs, options.activation, options.kept, options.du);
}

Cost BatchNormTrainingGradient::cost(const Problem& problem) {
  return cost_per_element(problem, 10);
}

int64_t BatchNormTrainingGradient::reduction_length(const Problem& problem) {
  return longest_sum(problem);
}

std::string BatchNormTrainingGradient::describe(const Problem& problem) {
  const Options& options = problem.options_as<Options>();
  return describe_rows(problem, absorbed_words(options.activation, options.kept, options.du));
}

std::span<const Engine> BatchNormTrainingGradient::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kTrainingGradientTwoPassReduction, kTrainingGradientCudnn,
#endif
      kTrainingGradientOpenmp, kTrainingGradientReference};
  return engines;
}

std::vector<Alias> BatchNormTrainingGradient::aliases(const Problem& problem) {
  return gradient_aliases(problem.options_as<Options>().du);
}

bool BatchNormTrainingGradient::absorb(const Graph& graph, const Node& consumer, int input,
                                       Absorption& absorption) {
  return absorb_activation<BatchNormTraining, BatchNormTrainingGradient>(graph, consumer, input,
                                                                         absorption);
}

std::vector<TensorType> BatchNormInferenceGradient::infer(const Options& options,
                                                          std::span<const TensorType> inputs) {
  check_epsilon(options.epsilon);
  return infer_gradient(inputs, options.activation, options.kept, options.du);
}

Cost BatchNormInferenceGradient::cost(const Problem& problem) {
  return cost_per_element(problem, 5);  // add; subtract, multiply-add; multiply
}

int64_t BatchNormInferenceGradient::reduction_length(const Problem& problem) {
  return longest_sum(problem);
}

std::string BatchNormInferenceGradient::describe(const Problem& problem) {
  const Options& options = problem.options_as<Options>();
  return describe_rows(problem, epsilon_word(options.epsilon) +
                                    absorbed_words(options.activation, options.kept, options.du));
}

std::span<const Engine> BatchNormInferenceGradient::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kInferenceGradientTwoPassReduction,
#endif
      kInferenceGradientOpenmp, kInferenceGradientReference};
  return engines;
}

std::vector<Alias> BatchNormInferenceGradient::aliases(const Problem& problem) {
  return gradient_aliases(problem.options_as<Options>().du);
}

bool BatchNormInferenceGradient::absorb(const Graph& graph, const Node& consumer, int input,
                                        Absorption& absorption) {
  return absorb_activation<BatchNormInference, BatchNormInferenceGradient>(graph, consumer, input,
                                                                           absorption);
}

}  // namespace voluta
