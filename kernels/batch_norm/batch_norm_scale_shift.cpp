#include <voluta/core/error.h>
#include <voluta/kernels/batch_norm/batch_norm_checks.h>
#include <voluta/kernels/batch_norm/batch_norm_scale_shift_engines.h>

#include <array>

#include <fmt/format.h>

namespace voluta {

using namespace batch_norm;

std::vector<TensorType> BatchNormScaleShift::infer(const Options& options,
                                                   std::span<const TensorType> inputs) {
  check_epsilon(options.epsilon);
  if (inputs.size() != 4) invalid(fmt::format("takes 4 inputs, not {}", inputs.size()));
  const TensorType& vector = inputs[0];
  if (vector.shape.rank() != 1 || (vector.dtype != DType::f32 && vector.dtype != DType::f64)) {
    invalid(fmt::format("takes vectors of f32 or f64, not {}", to_string(vector)));
  }
  for (const TensorType& input : inputs) {
    if (input != vector) {
      invalid(fmt::format("takes vectors of one type, not {} and {}", to_string(vector),
                          to_string(input)));
    }
  }
  return {vector, vector};
}

Cost BatchNormScaleShift::cost(const Problem& problem) {
  return cost_per_element(problem, 5);  // add, root, divide; multiply, subtract
}

int64_t BatchNormScaleShift::reduction_length(const Problem&) {
  return 1;
}

std::string BatchNormScaleShift::describe(const Problem& problem) {
  return describe_rows(problem, epsilon_word(problem.options_as<Options>().epsilon));
}

std::span<const Engine> BatchNormScaleShift::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kScaleShiftPerChannel,
#endif
      kScaleShiftLoop, kScaleShiftReference};
  return engines;
}

}  // namespace voluta
