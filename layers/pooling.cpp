#include <voluta/layers/pooling.h>

namespace voluta {
namespace {

Value pool(const Scope& scope, Value image, const PoolLayer& layer, PoolMode mode) {
  const int64_t pad = layer.padding;
  return scope.add<Pool2d>({.mode = mode,
                            .window = {layer.window, layer.window},
                            .stride = {layer.stride, layer.stride},
                            .padding = {pad, pad, pad, pad},
                            .save_argmax = mode == PoolMode::kMax && scope.training()},
                           {image});
}

}  // namespace

Value max_pool2d(Scope scope, Value image, const PoolLayer& layer) {
  return pool(scope, image, layer, PoolMode::kMax);
}

Value average_pool2d(Scope scope, Value image, const PoolLayer& layer) {
  return pool(scope, image, layer, PoolMode::kAverage);
}

}  // namespace voluta
