#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/local_response_norm/local_response_norm_engines.h>

#include <array>

namespace voluta {
namespace local_response_norm {
namespace {

void check(std::string_view op, const LocalResponseNormOptions& options,
           std::span<const TensorType> inputs, std::size_t count) {
  check_floating_inputs(op, inputs, count);
  if (options.size < 1) {
    invalid(fmt::format("{}: the window has {} channels; it needs one", op, options.size));
  }
  if (inputs[0].shape.rank() < 1) invalid(std::string(op) + ": a scalar has no channels");
  if (inputs[count - 1].shape != inputs[0].shape) {
    invalid(fmt::format("{}: x has the shape {}, dy {}", op, to_string(inputs[0].shape),
                        to_string(inputs[1].shape)));
  }
}

std::string text(const Problem& problem) {
  const auto& options = problem.options_as<LocalResponseNormOptions>();
  return fmt::format("{} size{} alpha{} beta{} k{} {}", describe_extents(problem.inputs[0].shape),
                     options.size, options.alpha, options.beta, options.k,
                     name_of(problem.inputs[0].dtype));
}

// Squares and sums of a window, a power (counted one), a product; twice over for the gradient.
Cost window_cost(const Problem& problem, int windows) {
  const auto size = static_cast<double>(problem.options_as<LocalResponseNormOptions>().size);
  return {
      .flops = windows * (2 * size + 3) * static_cast<double>(problem.inputs[0].shape.elements()),
      .bytes = bytes_touched(problem)};
}

}  // namespace

Geometry geometry(const Problem& problem) {
  const auto& options = problem.options_as<LocalResponseNormOptions>();
  const Shape& shape = problem.inputs[0].shape;
  const int64_t channels = shape[shape.rank() - 1];
  return {.rows = channels == 0 ? 0 : shape.elements() / channels,
          .channels = channels,
          .before = options.size / 2,
          .after = (options.size - 1) / 2,
          .scale = options.alpha / static_cast<double>(options.size),
          .beta = options.beta,
          .k = options.k};
}

}  // namespace local_response_norm

using namespace local_response_norm;

std::vector<TensorType> LocalResponseNorm::infer(const Options& options,
                                                 std::span<const TensorType> inputs) {
  check(kName, options, inputs, 1);
  return {inputs[0]};
}

void LocalResponseNorm::gradient(GradientContext& context) {
  if (!context.wants(0)) return;
  context.set(0, context.add<LocalResponseNormGradient>(
                     context.options<Options>(), {context.input(0), context.output_gradient(0)}));
}

Cost LocalResponseNorm::cost(const Problem& problem) {
  return window_cost(problem, 1);
}

int64_t LocalResponseNorm::reduction_length(const Problem& problem) {
  return problem.options_as<Options>().size;
}

std::string LocalResponseNorm::describe(const Problem& problem) {
  return text(problem);
}

std::span<const Engine> LocalResponseNorm::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kTiledWindow,
#endif
      kOpenmp, kReference, kCudnn};
  return engines;
}

std::vector<TensorType> LocalResponseNormGradient::infer(const Options& options,
                                                         std::span<const TensorType> inputs) {
  check(kName, options, inputs, 2);
  return {inputs[0]};
}

Cost LocalResponseNormGradient::cost(const Problem& problem) {
  return window_cost(problem, 2);
}

int64_t LocalResponseNormGradient::reduction_length(const Problem& problem) {
  return problem.options_as<Options>().size;
}

std::string LocalResponseNormGradient::describe(const Problem& problem) {
  return text(problem);
}

std::span<const Engine> LocalResponseNormGradient::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kGradientTiledWindow,
#endif
      kGradientOpenmp, kGradientReference, kGradientCudnn};
  return engines;
}

}  // namespace voluta
