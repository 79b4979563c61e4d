#include <voluta/layers/pooling.h>

namespace voluta {
namespace {

Value pool(const Scope& scope, Value image, const PoolLayer& layer, PoolMode mode) {
  return scope.add<Pool2d>(
      {.mode = mode,
       .window = layer.window.array(),
       .stride = layer.stride.array(),
       .padding = layer.padding,
       .ceil_mode = layer.ceil_mode,
       .count_include_pad = layer.count_include_pad,
       .save_argmax = mode != PoolMode::kAverage && scope.keeps_for_gradients()},
      {image});
}

}  // namespace

Value max_pool2d(Scope scope, Value image, const PoolLayer& layer) {
  return pool(scope, image, layer, PoolMode::kMax);
}

Value min_pool2d(Scope scope, Value image, const PoolLayer& layer) {
  return pool(scope, image, layer, PoolMode::kMin);
}

Value average_pool2d(Scope scope, Value image, const PoolLayer& layer) {
  return pool(scope, image, layer, PoolMode::kAverage);
}

Value adaptive_average_pool2d(Scope scope, Value image, Extent2d output) {
  const Shape shape = scope.shape(image);
  if (shape.rank() == 4 && Extent2d(shape[1], shape[2]) == output) return image;
  return scope.add<AdaptiveAveragePool2d>({.output = output.array()}, {image});
}

Value global_average_pool2d(Scope scope, Value image) {
  return adaptive_average_pool2d(scope, image, 1);
}

}  // namespace voluta
