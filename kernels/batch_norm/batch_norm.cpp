#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/batch_norm/batch_norm_checks.h>
#include <voluta/kernels/batch_norm/batch_norm_engines.h>
#include <voluta/kernels/common/problem_checks.h>

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

int64_t longest_sum(const Problem& problem) {
  const int64_t rows = extents(problem).rows;
  return std::min(rows, 512 + rows / 65536);
}

std::string describe_rows(const Problem& problem, const std::string& words) {
  return fmt::format("{}{} {}", describe_extents(problem.inputs[0].shape), words,
                     name_of(problem.inputs[0].dtype));
}

std::string epsilon_word(double epsilon) {
  return epsilon == BatchNormInferenceOptions{}.epsilon ? "" : fmt::format(" eps{}", epsilon);
}

Cost cost_per_element(const Problem& problem, double flops) {
  return {.flops = flops * static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

}  // namespace batch_norm

using namespace batch_norm;

std::vector<TensorType> BatchNormTraining::infer(const Options& options,
                                                 std::span<const TensorType> inputs) {
  check_epsilon(options.epsilon);
  if (!(options.momentum >= 0 && options.momentum <= 1)) {
    invalid(fmt::format("momentum is {}; it must lie in [0, 1]", options.momentum));
  }
  const TensorType vector = check_inputs(inputs, 1, 4);
  const TensorType counter{DType::i64, {}};
  if (inputs.size() != 6 || inputs[5] != counter) {
    invalid(
        "takes x, weight, bias, running mean, running variance and an i64 scalar, the number "
        "of batches");
  }
  const Shape& x = inputs[0].shape;
  if (x.elements() <= x[x.rank() - 1]) {
    invalid(fmt::format("expected more than 1 value per channel when training, got x {}",
                        to_string(x)));
  }
  return {inputs[0], vector, vector, vector, vector, counter};
}

void BatchNormTraining::gradient(GradientContext& context) {
  if (!context.output_gradient(0)) return;  // m, s and the running statistics are constants
  const std::vector<Value> gradients = context.graph().add_all<BatchNormTrainingGradient>(
      {},
      {context.input(0), context.output_gradient(0), context.input(1), context.output(1),
       context.output(2)},
      context.path());
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (context.wants(i)) context.set(i, gradients[i]);
  }
}

Cost BatchNormTraining::cost(const Problem& problem) {
  return cost_per_element(problem, 7);  // add; subtract, multiply-add; subtract, multiply-add
}

int64_t BatchNormTraining::reduction_length(const Problem& problem) {
  return longest_sum(problem);
}

std::string BatchNormTraining::describe(const Problem& problem) {
  const Options& options = problem.options_as<Options>();
  std::string words = epsilon_word(options.epsilon);
  if (options.momentum != Options{}.momentum) words += fmt::format(" momentum{}", options.momentum);
  return describe_rows(problem, words);
}

std::span<const Engine> BatchNormTraining::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kTrainingChunkedMoments, kTrainingCudnn,
#endif
      kTrainingOpenmp, kTrainingReference};
  return engines;
}

std::vector<Alias> BatchNormTraining::aliases(const Problem&) {
  return {{.input = 3, .output = 3, .must = true},
          {.input = 4, .output = 4, .must = true},
          {.input = 5, .output = 5, .must = true}};
}

std::vector<TensorType> BatchNormTrainingGradient::infer(const Options&,
                                                         std::span<const TensorType> inputs) {
  const TensorType vector = check_inputs(inputs, 2, 3);
  return {inputs[0], vector, vector};
}

Cost BatchNormTrainingGradient::cost(const Problem& problem) {
  return cost_per_element(problem, 10);
}

int64_t BatchNormTrainingGradient::reduction_length(const Problem& problem) {
  return longest_sum(problem);
}

std::string BatchNormTrainingGradient::describe(const Problem& problem) {
  return describe_rows(problem, "");
}

std::span<const Engine> BatchNormTrainingGradient::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kTrainingGradientTwoPassReduction, kTrainingGradientCudnn,
#endif
      kTrainingGradientOpenmp, kTrainingGradientReference};
  return engines;
}

std::vector<Alias> BatchNormTrainingGradient::aliases(const Problem&) {
  return {{.input = 1, .output = 0}};
}

}  // namespace voluta
