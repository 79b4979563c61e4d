#include <voluta/core/error.h>
#include <voluta/kernels/bias/bias.h>
#include <voluta/kernels/flatten/flatten.h>
#include <voluta/layers/linear.h>

namespace voluta {

Value linear(Scope scope, Value x, const LinearLayer& layer) {
  const Shape in = scope.shape(x);
  if (in.rank() != 2) {
    invalid(scope.path() + ": a fully connected layer takes [N,F], not " + to_string(in) +
            "; flatten it first");
  }
  if (layer.features < 1) invalid(scope.path() + ": a layer needs at least one output feature");
  const Initializer by_fan = uniform_fan_in(in[1]);
  const DType type = scope.type(x).dtype;
  const Value weight = scope.parameter_as(type, "weight", {layer.features, in[1]},
                                          layer.weight ? layer.weight : by_fan);
  const Value y = scope.add<Linear>({}, {x, weight});
  if (!layer.bias) return y;
  return scope.add<Bias>({}, {y, scope.parameter_as(type, "bias", {layer.features},
                                                    layer.bias_value ? layer.bias_value : by_fan)});
}

Value flatten(Scope scope, Value x) {
  return scope.add<Flatten>({}, {x});
}

}  // namespace voluta
