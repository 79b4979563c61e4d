#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/kernels/batch_norm/batch_norm_checks.h>
#include <voluta/kernels/batch_norm/batch_norm_engines.h>
#include <voluta/kernels/batch_norm/batch_norm_fusion.h>
#include <voluta/kernels/conv2d/conv2d.h>
#include <voluta/kernels/depthwise_conv2d/depthwise_conv2d.h>

#include <array>

namespace voluta {

using namespace batch_norm;

std::vector<TensorType> BatchNormTrainingGradient::infer(const Options& options,
                                                         std::span<const TensorType> inputs) {
  if (!options.sums) return infer_gradient(inputs, options.activation, options.kept, options.du);
  if (options.kept || options.du) invalid("`sums` come with neither `kept` nor `du`");
  if (inputs.empty()) check_count(inputs, 6);
  const std::vector<TensorType> outputs =
      infer_gradient(inputs.first(inputs.size() - 1), options.activation, false, false);
  const TensorType& sums = inputs.back();
  const int64_t parts = sums.shape.rank() == 3 ? sums.shape[0] : 0;
  if (parts < 1 || sums != TensorType{outputs[1].dtype, {parts, 2, outputs[1].shape[0]}}) {
    invalid(fmt::format("the sums must be {} [parts, 2, {}], not {}", name_of(outputs[1].dtype),
                        outputs[1].shape[0], to_string(sums)));
  }
  return outputs;
}

Support batch_norm::supports_no_sums(const Problem& problem) {
  if (!problem.options_as<BatchNormTrainingGradientOptions>().sums) return Support::yes();
  return Support::no("reads no sums of parts");
}

Cost BatchNormTrainingGradient::cost(const Problem& problem) {
  return cost_per_element(problem, 10);
}

int64_t BatchNormTrainingGradient::reduction_length(const Problem& problem) {
  return problem.options_as<Options>().sums ? longest_sum(sum_parts(problem))
                                            : longest_sum(problem);
}

std::string BatchNormTrainingGradient::describe(const Problem& problem) {
  const Options& options = problem.options_as<Options>();
  std::string words = absorbed_words(options.activation, options.kept, options.du);
  if (options.sums) words += fmt::format(" sums{}", sum_parts(problem));
  return describe_rows(problem, words);
}

std::span<const Engine> BatchNormTrainingGradient::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kTrainingGradientGivenSums, kTrainingGradientTwoPassReduction, kTrainingGradientCudnn,
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

namespace {

template <class InputGradient>
bool request_sums(const Problem& consumer, const Problem& producer, Request& request) {
  using Options = BatchNormTrainingGradientOptions;
  Options options = consumer.options_as<Options>();
  auto gradient = producer.options_as<typename InputGradient::Options>();
  if (options.sums || options.kept || options.du || gradient.sums) return false;
  options.sums = gradient.sums = true;
  gradient.activation = options.activation;
  request.producer_options = std::make_shared<const typename InputGradient::Options>(gradient);
  request.consumer_options = std::make_shared<const Options>(options);
  request.consumer_inputs = {0, 3};  // x and m; then w, s and b
  if (options.activation != ActivationKind::kNone) request.consumer_inputs = {0, 3, 2, 4, 5};
  return true;
}

}  // namespace

bool BatchNormTrainingGradient::request(const Problem& consumer, const Problem& producer, int input,
                                        Request& request) {
  const auto is = [&](std::string_view name) { return input == 1 && producer.op->name == name; };
  if (is(Conv2dInputGradient::kName)) {
    return request_sums<Conv2dInputGradient>(consumer, producer, request);
  }
  return is(DepthwiseConv2dInputGradient::kName) &&
         request_sums<DepthwiseConv2dInputGradient>(consumer, producer, request);
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
