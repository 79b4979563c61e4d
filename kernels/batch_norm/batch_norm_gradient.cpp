#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/kernels/batch_norm/batch_norm_checks.h>
#include <voluta/kernels/batch_norm/batch_norm_engines.h>
#include <voluta/kernels/batch_norm/batch_norm_fusion.h>
#include <voluta/kernels/common/channels.h>
#include <voluta/kernels/concat/concat.h>
#include <voluta/kernels/conv2d/conv2d.h>
#include <voluta/kernels/depthwise_conv2d/depthwise_conv2d.h>

#include <array>

namespace voluta {

using namespace batch_norm;

namespace {

// The outputs where dy has more channels than x, from the inputs but for that.
std::vector<TensorType> infer_wide(const BatchNormTrainingGradientOptions& options,
                                   std::span<const TensorType> inputs) {
  if (inputs.size() < 2) check_count(inputs, 5);
  const TensorType &x = inputs[0], &dy = inputs[1];
  const int64_t channels = channels_of(x), offset = *options.dy_offset;
  const bool same_rows =
      x.shape.rank() > 0 && dy.shape.rank() > 0 && with_channels(dy, channels) == x;
  if (!same_rows || offset < 0 || offset > channels_of(dy) - channels) {
    invalid(fmt::format("the {} channels of x {} from channel {} on are not within dy {}", channels,
                        to_string(x), offset, to_string(dy)));
  }
  std::vector<TensorType> narrow(inputs.begin(), inputs.end());
  narrow[1] = x;
  return infer_gradient(narrow, options.activation, options.kept, options.du);
}

}  // namespace

int64_t batch_norm::dy_stride(const Problem& problem) {
  return channels_of(problem.inputs[1]);
}

std::vector<TensorType> BatchNormTrainingGradient::infer(const Options& options,
                                                         std::span<const TensorType> inputs) {
  if (options.sums && (options.kept || options.du || options.dy_offset)) {
    invalid("`sums` come with neither `kept` nor `du`, nor with a dy of more channels than x");
  }
  if (options.dy_offset) return infer_wide(options, inputs);
  if (!options.sums) return infer_gradient(inputs, options.activation, options.kept, options.du);
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
  Cost cost = cost_per_element(problem, 10);
  const double unread = static_cast<double>(problem.inputs[1].bytes()) - problem.inputs[0].bytes();
  cost.bytes -= unread;  // channels of dy that are no one's of x
  return cost;
}

int64_t BatchNormTrainingGradient::reduction_length(const Problem& problem) {
  return problem.options_as<Options>().sums ? longest_sum(sum_parts(problem))
                                            : longest_sum(problem);
}

std::string BatchNormTrainingGradient::describe(const Problem& problem) {
  const Options& options = problem.options_as<Options>();
  std::string words = absorbed_words(options.activation, options.kept, options.du);
  if (options.dy_offset) {
    words += fmt::format(" wide{} offset{}", dy_stride(problem), *options.dy_offset);
  }
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
  const Options& options = problem.options_as<Options>();
  if (options.dy_offset) return {{.input = 0, .output = 0}};
  return gradient_aliases(options.du);
}

namespace {

bool absorb_slice(const Graph& graph, const Node& gradient, int input, Absorption& absorption) {
  auto options = gradient.problem.options_as<BatchNormTrainingGradientOptions>();
  if (input != 1 || absorption.shared || options.dy_offset || options.sums) return false;
  const Node* const producer = graph.producer(gradient.inputs[1]);
  if (producer->problem.op != &op<ChannelSlice>()) return false;
  options.dy_offset = producer->problem.options_as<ChannelSliceOptions>().offset;
  absorption.options = std::make_shared<const BatchNormTrainingGradientOptions>(options);
  absorption.inputs = gradient.inputs;
  absorption.inputs[1] = producer->inputs[0];
  return true;
}

}  // namespace

bool BatchNormTrainingGradient::absorb(const Graph& graph, const Node& consumer, int input,
                                       Absorption& absorption) {
  return absorb_activation<BatchNormTraining, BatchNormTrainingGradient>(graph, consumer, input,
                                                                         absorption) ||
         absorb_slice(graph, consumer, input, absorption);
}

namespace {

template <class InputGradient>
bool request_sums(const Problem& consumer, const Problem& producer, Request& request) {
  using Options = BatchNormTrainingGradientOptions;
  Options options = consumer.options_as<Options>();
  auto gradient = producer.options_as<typename InputGradient::Options>();
  const bool reads_more = options.kept || options.du || options.dy_offset;
  if (options.sums || reads_more || gradient.sums) return false;
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
