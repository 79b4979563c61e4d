#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/kernels/color_jitter/color_jitter_rules.h>
#include <voluta/kernels/common/problem_checks.h>

#include <array>

namespace voluta {

std::vector<TensorType> ColorJitter::infer(const Options& options,
                                           std::span<const TensorType> inputs) {
  if (inputs.size() != 3) {
    invalid(fmt::format("takes pictures, factors and orders, not {} inputs", inputs.size()));
  }
  const TensorType& x = inputs[0];
  check_pixels(x, options);
  const TensorType factors{x.dtype == DType::f64 ? DType::f64 : DType::f32, {x.shape[0], 4}};
  const TensorType order{DType::i64, {x.shape[0], 4}};
  if (inputs[1] != factors || inputs[2] != order) {
    invalid(fmt::format("factors and order must be {} and {}, not {} and {}", to_string(factors),
                        to_string(order), to_string(inputs[1]), to_string(inputs[2])));
  }
  return {x};
}

Cost ColorJitter::cost(const Problem& problem) {
  return {.flops = 30 * static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

int64_t ColorJitter::reduction_length(const Problem& problem) {
  return problem.inputs[0].shape[1] * problem.inputs[0].shape[2];
}

std::string ColorJitter::describe(const Problem& problem) {
  return describe_pixels(problem.inputs[0], problem.options_as<Options>());
}

std::span<const Engine> ColorJitter::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      color_jitter::kTwoPass,
#endif
      color_jitter::kOpenmp, color_jitter::kReference};
  return engines;
}

std::vector<Alias> ColorJitter::aliases(const Problem&) {
  return {{.input = 0, .output = 0}};
}

}  // namespace voluta
