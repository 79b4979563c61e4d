#include <voluta/core/error.h>
#include <voluta/layers/normalization.h>

namespace voluta {

Value batch_norm(Scope scope, Value x, const BatchNormLayer& layer) {
  const Shape shape = scope.shape(x);
  if (shape.rank() < 1) invalid(scope.path() + ": a scalar has no channels to normalise");
  const Shape channels{shape[shape.rank() - 1]};
  const TensorType vector{DType::f32, channels};
  const Value weight =
      scope.parameter("weight", channels, layer.weight ? layer.weight : fill_with(1));
  const Value bias = scope.parameter("bias", channels, fill_with(0));
  const Value mean = scope.buffer("running_mean", vector);
  const Value var = scope.buffer("running_var", vector, fill_with(1));
  const Value batches = scope.buffer("num_batches_tracked", {DType::i64, {}});
  if (scope.training()) {
    return scope.add<BatchNormTraining>({.epsilon = layer.epsilon, .momentum = layer.momentum},
                                        {x, weight, bias, mean, var, batches});
  }
  return scope.add<BatchNormInference>({.epsilon = layer.epsilon}, {x, weight, bias, mean, var});
}

Value local_response_norm(Scope scope, Value x, const LocalResponseNormLayer& layer) {
  return scope.add<LocalResponseNorm>(
      {.size = layer.size, .alpha = layer.alpha, .beta = layer.beta, .k = layer.k}, {x});
}

}  // namespace voluta
