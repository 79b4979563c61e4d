#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/adaptive_average_pool2d/adaptive_average_pool2d.h>
#include <voluta/kernels/adaptive_average_pool2d/adaptive_average_pool2d_engines.h>
#include <voluta/kernels/common/problem_checks.h>

#include <algorithm>

namespace voluta {
namespace {

bool is_forward(const Problem& problem) {
  return problem.op->name == AdaptiveAveragePool2d::kName;
}
const Shape& picture(const Problem& problem) {
  return (is_forward(problem) ? problem.inputs : problem.outputs)[0].shape;
}
const Shape& pooled(const Problem& problem) {
  return (is_forward(problem) ? problem.outputs : problem.inputs)[0].shape;
}

// The type of `from` with its picture's extents replaced.
TensorType resized(std::string_view op, const TensorType& from, int64_t height, int64_t width) {
  const Shape& shape = from.shape;
  if (shape.rank() != 4) {
    invalid(std::string(op) + " takes [N,H,W,C], not " + to_string(shape));
  }
  if (shape[1] < 1 || shape[2] < 1 || height < 1 || width < 1) {
    invalid(std::string(op) + ": " + to_string(shape) + " cannot become " + std::to_string(height) +
            " x " + std::to_string(width) + "; every extent must be at least 1");
  }
  return {from.dtype, {shape[0], height, width, shape[3]}};
}

std::string describe_pool(const Problem& problem) {
  const Shape& y = pooled(problem);
  return describe_extents(picture(problem)) + "oh" + std::to_string(y[1]) + "ow" +
         std::to_string(y[2]) + " " + std::string(name_of(problem.inputs[0].dtype));
}

// The longest of the windows.
int64_t longest(int64_t from, int64_t to) {
  int64_t most = 1;
  for (int64_t i = 0; i < to; ++i) {
    most = std::max(most, ((i + 1) * from + to - 1) / to - i * from / to);
  }
  return most;
}

// Each position of a window is added once.
Cost cost_of(const Problem& problem) {
  const Shape &x = picture(problem), &y = pooled(problem);
  return {.flops = static_cast<double>(std::max(x[1], y[1]) * std::max(x[2], y[2])) *
                   static_cast<double>(x[0] * x[3]),
          .bytes = bytes_touched(problem)};
}

}  // namespace

AdaptivePool2dGeometry adaptive_pool2d_geometry(const Problem& problem) {
  const Shape &x = picture(problem), &y = pooled(problem);
  return {.n = static_cast<int>(x[0]),
          .c = static_cast<int>(x[3]),
          .rows = {x[1], y[1]},
          .columns = {x[2], y[2]},
          .covering_rows = {y[1], x[1]},
          .covering_columns = {y[2], x[2]}};
}

Support supports_adaptive_pool2d(const Problem& problem) {
  const Shape &x = picture(problem), &y = pooled(problem);
  for (int axis : {1, 2}) {
    if ((x[axis] + 1) * (y[axis] + 1) >= int64_t{1} << 31) {
      return Support::no("extents of picture and output with a product of 2^31 or more");
    }
  }
  return supports_int32(problem);
}

std::vector<TensorType> AdaptiveAveragePool2d::infer(const Options& options,
                                                     std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, 1);
  return {resized(kName, inputs[0], options.output[0], options.output[1])};
}

void AdaptiveAveragePool2d::gradient(GradientContext& context) {
  const Shape& x = context.problem().inputs[0].shape;
  context.set(0, context.add<AdaptiveAveragePool2dGradient>({.height = x[1], .width = x[2]},
                                                            {context.output_gradient(0)}));
}

Cost AdaptiveAveragePool2d::cost(const Problem& problem) {
  return cost_of(problem);
}

// The additions of a mean, and its division.
int64_t AdaptiveAveragePool2d::reduction_length(const Problem& problem) {
  const Shape &x = picture(problem), &y = pooled(problem);
  return longest(x[1], y[1]) * longest(x[2], y[2]);
}

std::string AdaptiveAveragePool2d::describe(const Problem& problem) {
  return describe_pool(problem);
}

std::span<const Engine> AdaptiveAveragePool2d::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kAdaptiveAveragePool2dGlobalReduction, kAdaptiveAveragePool2dGather,
#endif
      kAdaptiveAveragePool2dOpenmp, kAdaptiveAveragePool2dReference};
  return engines;
}

std::vector<TensorType> AdaptiveAveragePool2dGradient::infer(const Options& options,
                                                             std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, 1);
  return {resized(kName, inputs[0], options.height, options.width)};
}

Cost AdaptiveAveragePool2dGradient::cost(const Problem& problem) {
  return cost_of(problem);
}

// A sum over windows, and a quotient each.
int64_t AdaptiveAveragePool2dGradient::reduction_length(const Problem& problem) {
  const Shape &x = picture(problem), &y = pooled(problem);
  return longest(y[1], x[1]) * longest(y[2], x[2]);
}

std::string AdaptiveAveragePool2dGradient::describe(const Problem& problem) {
  return describe_pool(problem);
}

std::span<const Engine> AdaptiveAveragePool2dGradient::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kAdaptiveAveragePool2dGradientGather,
#endif
      kAdaptiveAveragePool2dGradientOpenmp, kAdaptiveAveragePool2dGradientReference};
  return engines;
}

}  // namespace voluta
