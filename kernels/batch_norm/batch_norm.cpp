#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/kernels/batch_norm/batch_norm_checks.h>
#include <voluta/kernels/batch_norm/batch_norm_engines.h>
#include <voluta/kernels/batch_norm/batch_norm_fusion.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/conv2d/conv2d.h>

#include <array>

namespace voluta {
namespace batch_norm {

Extents extents(const Problem& problem) {
  const Shape& shape = problem.inputs[0].shape;
  const int64_t channels = shape[shape.rank() - 1];
  return {channels == 0 ? 0 : shape.elements() / channels, channels};
}

TensorType check_inputs(std::span<const TensorType> inputs, std::size_t matrices,
                        std::size_t vectors) {
  if (inputs.size() < matrices + vectors) {
    invalid(fmt::format("takes {} inputs, not {}", matrices + vectors, inputs.size()));
  }
  const TensorType& x = inputs[0];
  if (!is_floating(x.dtype) || x.shape.rank() < 1) {
    invalid(fmt::format("x must be floating and have channels, not {}", to_string(x)));
  }
  const DType dtype = x.dtype == DType::f64 ? DType::f64 : DType::f32;
  const TensorType vector{dtype, {x.shape[x.shape.rank() - 1]}};
  for (std::size_t i = 0; i < matrices + vectors; ++i) {
    const TensorType& wanted = i < matrices ? x : vector;
    if (inputs[i] != wanted) {
      invalid(fmt::format("input {} must be {} for x {}, not {}", i, to_string(wanted),
                          to_string(x), to_string(inputs[i])));
    }
  }
  return vector;
}

void check_epsilon(double epsilon) {
  if (!(epsilon >= 0)) invalid(fmt::format("epsilon is {}; it must be at least 0", epsilon));
}

int64_t sum_parts(const Problem& problem) {
  return problem.inputs.back().shape[0];
}

int64_t longest_sum(const Problem& problem) {
  return longest_sum(extents(problem).rows);
}

int64_t longest_sum(int64_t terms) {
  return std::min(terms, 512 + terms / 65536);
}

std::string describe_rows(const Problem& problem, const std::string& words) {
  return fmt::format("{}{} {}", describe_extents(problem.inputs[0].shape), words,
                     name_of(problem.inputs[0].dtype));
}

std::string epsilon_word(double epsilon) {
  return epsilon == BatchNormInferenceOptions{}.epsilon ? "" : fmt::format(" eps{}", epsilon);
}

std::string fused_words(ActivationKind activation, bool residual) {
  std::string words = residual ? " residual" : "";
  if (activation != ActivationKind::kNone) words += fmt::format(" {}", name_of(activation));
  return words;
}

void check_count(std::span<const TensorType> inputs, std::size_t count) {
  if (inputs.size() != count) invalid(fmt::format("takes {} inputs, not {}", count, inputs.size()));
}

void check_residual(std::span<const TensorType> inputs, std::size_t at) {
  if (inputs[at] == inputs[0]) return;
  invalid(fmt::format("the residual must be {} as x, not {}", to_string(inputs[0]),
                      to_string(inputs[at])));
}

std::string absorbed_words(ActivationKind activation, bool kept, bool du) {
  return fused_words(activation, false) + (kept ? " kept" : "") + (du ? " du" : "");
}

std::vector<TensorType> infer_gradient(std::span<const TensorType> inputs,
                                       ActivationKind activation, bool kept, bool du) {
  const TensorType vector = check_inputs(inputs, 2, 3);
  const bool knows = activation != ActivationKind::kNone;
  if (!knows && (kept || du)) invalid("`kept` and `du` belong to an activation");
  if (inputs.size() != (knows ? 6 : 5)) {
    invalid(fmt::format("takes {} inputs, not {}", knows ? 6 : 5, inputs.size()));
  }
  if (knows && inputs[5] != (kept ? inputs[0] : vector)) {
    invalid(fmt::format("input 5 must be {} for x {}, not {}", to_string(kept ? inputs[0] : vector),
                        to_string(inputs[0]), to_string(inputs[5])));
  }
  std::vector<TensorType> outputs = {inputs[0], vector, vector};
  if (du) outputs.push_back(inputs[0]);
  return outputs;
}

std::vector<Alias> gradient_aliases(bool du) {
  if (du) return {{.input = 1, .output = 3}, {.input = 0, .output = 0}};
  return {{.input = 1, .output = 0}};
}

Cost cost_per_element(const Problem& problem, double flops) {
  return {.flops = flops * static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

}  // namespace batch_norm

using namespace batch_norm;

namespace {

Shape moments_shape(const Shape& x) {
  const int64_t channels = x[x.rank() - 1], rows = channels == 0 ? 0 : x.elements() / channels;
  return {(rows + kMomentsRows - 1) / kMomentsRows, 2, channels};
}

}  // namespace

std::vector<TensorType> BatchNormTraining::infer(const Options& options,
                                                 std::span<const TensorType> inputs) {
  check_epsilon(options.epsilon);
  if (!(options.momentum >= 0 && options.momentum <= 1)) {
    invalid(fmt::format("momentum is {}; it must lie in [0, 1]", options.momentum));
  }
  const TensorType vector = check_inputs(inputs, 1, 4);
  const TensorType counter{DType::i64, {}};
  if (inputs.size() < 6 || inputs[5] != counter) {
    invalid(
        "takes x, weight, bias, running mean, running variance and an i64 scalar, the number "
        "of batches");
  }
  if (options.deferred && (options.residual || options.activation != ActivationKind::kNone)) {
    invalid("a deferred y has no residual, and its readers apply the activation");
  }
  check_count(inputs, 6u + (options.residual ? 1 : 0) + (options.moments ? 1 : 0));
  if (options.residual) check_residual(inputs, 6);
  const TensorType moments{vector.dtype, moments_shape(inputs[0].shape)};
  if (options.moments && inputs.back() != moments) {
    invalid(fmt::format("the moments must be {} for x {}, not {}", to_string(moments),
                        to_string(inputs[0]), to_string(inputs.back())));
  }
  const Shape& x = inputs[0].shape;
  if (x.elements() <= x[x.rank() - 1]) {
    invalid(fmt::format("expected more than 1 value per channel when training, got x {}",
                        to_string(x)));
  }
  const TensorType normaliser{vector.dtype, {3, vector.shape[0]}};
  return {options.deferred ? normaliser : inputs[0], vector, vector, vector, vector, counter};
}

void BatchNormTraining::gradient(GradientContext& context) {
  if (!context.output_gradient(0)) return;  // m, s and the running statistics are constants
  if (context.options<Options>().deferred)
    invalid("take gradients before y is left to its readers");
  append_gradient<BatchNormTrainingGradient>(context, context.options<Options>(), 6, {},
                                             context.output(1), context.output(2));
}

Cost BatchNormTraining::cost(const Problem& problem) {
  // Add; subtract, multiply-add; and of y subtract, multiply-add.
  return cost_per_element(problem, problem.options_as<Options>().deferred ? 4 : 7);
}

int64_t BatchNormTraining::reduction_length(const Problem& problem) {
  return longest_sum(problem);
}

std::string BatchNormTraining::describe(const Problem& problem) {
  const Options& options = problem.options_as<Options>();
  std::string words = epsilon_word(options.epsilon);
  if (options.momentum != Options{}.momentum) words += fmt::format(" momentum{}", options.momentum);
  if (options.moments) words += " moments";
  if (options.deferred) words += " deferred";
  return describe_rows(problem, words + fused_words(options.activation, options.residual));
}

std::span<const Engine> BatchNormTraining::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kTrainingGivenMoments, kTrainingChunkedMoments, kTrainingCudnn,
#endif
      kTrainingOpenmp, kTrainingReference};
  return engines;
}

std::vector<Alias> BatchNormTraining::aliases(const Problem& problem) {
  std::vector<Alias> aliases = {{.input = 3, .output = 3, .must = true},
                                {.input = 4, .output = 4, .must = true},
                                {.input = 5, .output = 5, .must = true}};
  if (problem.options_as<Options>().residual) aliases.push_back({.input = 6, .output = 0});
  return aliases;
}

bool BatchNormTraining::fuse(const Problem& producer, const Problem& consumer, int input,
                             Fusion& fusion) {
  return fuse_behind<Options>(producer, consumer, input, fusion);
}

bool BatchNormTraining::defer(const Problem& producer, Deferral& deferral) {
  Options options = producer.options_as<Options>();
  if (options.residual || options.deferred) return false;
  options.activation = ActivationKind::kNone;
  options.deferred = true;
  deferral = {.options = std::make_shared<const Options>(options), .input = 0};
  return true;
}

bool BatchNormTraining::request(const Problem& consumer, const Problem& producer, int input,
                                Request& request) {
  if (input != 0 || producer.op->name != Conv2d::kName) return false;
  Options options = consumer.options_as<Options>();
  Conv2dOptions conv = producer.options_as<Conv2dOptions>();
  if (options.moments || conv.moments) return false;
  options.moments = conv.moments = true;
  request = {std::make_shared<const Conv2dOptions>(conv), std::make_shared<const Options>(options)};
  return true;
}

}  // namespace voluta
