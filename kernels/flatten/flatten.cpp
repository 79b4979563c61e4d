#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/flatten/flatten.h>
#include <voluta/kernels/flatten/flatten_engines.h>

namespace voluta {
namespace {

std::string describe_picture(const TensorType& picture) {
  return describe_extents(picture.shape) + " " + std::string(name_of(picture.dtype));
}

}  // namespace

TransposeExtents transpose_extents(const Problem& problem) {
  const bool flatten = problem.inputs[0].shape.rank() == 4;
  const Shape& picture = flatten ? problem.inputs[0].shape : problem.outputs[0].shape;
  const int64_t pixels = picture[1] * picture[2], channels = picture[3];
  if (flatten) return {picture[0], pixels, channels};
  return {picture[0], channels, pixels};
}

std::vector<TensorType> Flatten::infer(const Options&, std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, 1);
  const Shape& x = inputs[0].shape;
  if (x.rank() != 4) invalid("flatten: x must be [N,H,W,C], not " + to_string(x));
  return {{inputs[0].dtype, Shape{x[0], x[1] * x[2] * x[3]}}};
}

void Flatten::gradient(GradientContext& context) {
  const Shape& x = context.problem().inputs[0].shape;
  context.set(0, context.add<Unflatten>({.height = x[1], .width = x[2], .channels = x[3]},
                                        {context.output_gradient(0)}));
}

Cost Flatten::cost(const Problem& problem) {
  return {.bytes = bytes_touched(problem)};
}

int64_t Flatten::reduction_length(const Problem&) {
  return 0;
}

std::string Flatten::describe(const Problem& problem) {
  return describe_picture(problem.inputs[0]);
}

std::span<const Engine> Flatten::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kFlattenTiledTranspose,
#endif
      kFlattenOpenmp, kFlattenReference};
  return engines;
}

std::vector<TensorType> Unflatten::infer(const Options& options,
                                         std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, 1);
  const Shape& x = inputs[0].shape;
  const auto [height, width, channels] = options;
  if (height < 1 || width < 1 || channels < 1) {
    invalid("unflatten: height, width and channels must be positive");
  }
  if (x.rank() != 2 || x[1] != height * width * channels) {
    invalid("unflatten: x must be [N, " + std::to_string(height * width * channels) + "], not " +
            to_string(x));
  }
  return {{inputs[0].dtype, Shape{x[0], height, width, channels}}};
}

void Unflatten::gradient(GradientContext& context) {
  context.set(0, context.add<Flatten>({}, {context.output_gradient(0)}));
}

Cost Unflatten::cost(const Problem& problem) {
  return {.bytes = bytes_touched(problem)};
}

int64_t Unflatten::reduction_length(const Problem&) {
  return 0;
}

std::string Unflatten::describe(const Problem& problem) {
  return describe_picture(problem.outputs[0]);
}

std::span<const Engine> Unflatten::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kUnflattenTiledTranspose,
#endif
      kUnflattenOpenmp, kUnflattenReference};
  return engines;
}

}  // namespace voluta
