#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/gradient_norm/gradient_norm_engines.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace voluta {

std::vector<TensorType> TensorNorms::infer(const Options&, std::span<const TensorType> inputs) {
  if (inputs.empty()) invalid("needs at least one tensor");
  for (const TensorType& type : inputs) {
    if (is_floating(type.dtype) && type.dtype == inputs[0].dtype) continue;
    invalid(fmt::format("tensors must be of one floating type, not {} and {}", to_string(inputs[0]),
                        to_string(type)));
  }
  const DType real = inputs[0].dtype == DType::f64 ? DType::f64 : DType::f32;
  return {{real, {static_cast<int64_t>(inputs.size())}}};
}

Cost TensorNorms::cost(const Problem& problem) {
  return {.flops = 2 * static_cast<double>(total_elements(problem.inputs)),
          .bytes = bytes_touched(problem)};
}

int64_t TensorNorms::reduction_length(const Problem& problem) {
  int64_t longest = 0;
  for (const TensorType& type : problem.inputs) {
    longest = std::max(longest, type.shape.elements());
  }
  return std::min<int64_t>(longest, 40 + (longest >> 20)) + 2;
}

std::string TensorNorms::describe(const Problem& problem) {
  return fmt::format("{} {}", describe_tensors(problem.inputs), name_of(problem.inputs[0].dtype));
}

std::span<const Engine> TensorNorms::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kTensorNormsTwoPassReduction,
#endif
      kTensorNormsOpenmp, kTensorNormsReference};
  return engines;
}

std::vector<TensorType> ClipFactor::infer(const Options& options,
                                          std::span<const TensorType> inputs) {
  if (!(options.max_norm > 0 && std::isfinite(options.max_norm))) {
    invalid(fmt::format("the largest norm is {}; it must be finite and above 0", options.max_norm));
  }
  if (inputs.size() != 1 || inputs[0].shape.rank() != 1 || inputs[0].shape[0] < 1 ||
      (inputs[0].dtype != DType::f32 && inputs[0].dtype != DType::f64)) {
    invalid("takes the norms of tensors, one list of f32 or f64");
  }
  return {{inputs[0].dtype, {}}, {inputs[0].dtype, {}}};
}

Cost ClipFactor::cost(const Problem& problem) {
  return {.flops = 2.0 * static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

int64_t ClipFactor::reduction_length(const Problem& problem) {
  return problem.inputs[0].shape.elements() + 4;
}

std::string ClipFactor::describe(const Problem& problem) {
  return fmt::format("n{} max{} {}", problem.inputs[0].shape.elements(),
                     problem.options_as<Options>().max_norm, name_of(problem.inputs[0].dtype));
}

std::span<const Engine> ClipFactor::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kClipFactorOneWarp,
#endif
      kClipFactorSerial, kClipFactorReference};
  return engines;
}

}  // namespace voluta
