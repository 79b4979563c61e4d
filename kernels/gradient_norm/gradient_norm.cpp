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
  if (!(options.max_norm > 0 && (options.scaled || std::isfinite(options.max_norm)))) {
    invalid(fmt::format("the largest norm is {}; it must be finite and above 0", options.max_norm));
  }
  if (inputs.size() != (options.scaled ? 2 : 1) || inputs[0].shape.rank() != 1 ||
      inputs[0].shape[0] < 1 || (inputs[0].dtype != DType::f32 && inputs[0].dtype != DType::f64)) {
    invalid("takes the norms of tensors, one list of f32 or f64, and where it is scaled the scale");
  }
  if (options.scaled && inputs[1] != TensorType{inputs[0].dtype, {}}) {
    invalid(
        fmt::format("the scale must be a scalar of the norms' type, not {}", to_string(inputs[1])));
  }
  return {{inputs[0].dtype, {}}, {inputs[0].dtype, {}}};
}

Cost ClipFactor::cost(const Problem& problem) {
  return {.flops = 2.0 * static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

int64_t ClipFactor::reduction_length(const Problem& problem) {
  return problem.inputs[0].shape.elements() + 6;
}

std::string ClipFactor::describe(const Problem& problem) {
  const Options& options = problem.options_as<Options>();
  return fmt::format(
      "n{}{}{} {}", problem.inputs[0].shape.elements(),
      std::isfinite(options.max_norm) ? fmt::format(" max{}", options.max_norm) : " unclipped",
      options.scaled ? " scaled" : "", name_of(problem.inputs[0].dtype));
}

std::span<const Engine> ClipFactor::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kClipFactorOneWarp,
#endif
      kClipFactorSerial, kClipFactorReference};
  return engines;
}

std::vector<TensorType> LossScaleUpdate::infer(const Options& options,
                                               std::span<const TensorType> inputs) {
  int exponent = 0;
  if (std::frexp(options.growth, &exponent) != 0.5 || options.growth <= 1 ||
      std::frexp(options.backoff, &exponent) != 0.5 || options.backoff >= 1) {
    invalid(fmt::format("growth {} and backoff {} must be powers of two above and below 1",
                        options.growth, options.backoff));
  }
  if (options.interval < 1) {
    invalid(fmt::format("the interval is {} steps; it must be 1 or more", options.interval));
  }
  if (inputs.size() != 4) invalid(fmt::format("takes 4 inputs, not {}", inputs.size()));
  const TensorType real{inputs[0].dtype == DType::f64 ? DType::f64 : DType::f32, {}};
  const TensorType count{DType::i64, {}};
  if (inputs[0] != real || inputs[1] != real || inputs[2] != count || inputs[3] != count) {
    invalid(fmt::format(
        "takes the norm, the scale, and counts of steps and updates, not {}, {}, {} and {}",
        to_string(inputs[0]), to_string(inputs[1]), to_string(inputs[2]), to_string(inputs[3])));
  }
  return {inputs[1], inputs[2], inputs[3]};
}

Cost LossScaleUpdate::cost(const Problem& problem) {
  return {.flops = 4, .bytes = bytes_touched(problem)};
}

int64_t LossScaleUpdate::reduction_length(const Problem&) {
  return 0;
}

std::string LossScaleUpdate::describe(const Problem& problem) {
  const Options& options = problem.options_as<Options>();
  return fmt::format("n1 growth{} backoff{} interval{} {}", options.growth, options.backoff,
                     options.interval, name_of(problem.inputs[0].dtype));
}

std::span<const Engine> LossScaleUpdate::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kLossScaleUpdateOneThread,
#endif
      kLossScaleUpdateReference};
  return engines;
}

std::vector<Alias> LossScaleUpdate::aliases(const Problem&) {
  return {{.input = 1, .output = 0, .must = true},
          {.input = 2, .output = 1, .must = true},
          {.input = 3, .output = 2, .must = true}};
}

}  // namespace voluta
