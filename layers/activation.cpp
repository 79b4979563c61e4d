#include <voluta/layers/activation.h>

namespace voluta {
namespace {

Value activation(const Scope& scope, Value x, ActivationKind kind) {
  return scope.add<Activation>({.kind = kind}, {x});
}

}  // namespace

Value relu(Scope scope, Value x) {
  return activation(scope, x, ActivationKind::kRelu);
}
Value relu6(Scope scope, Value x) {
  return activation(scope, x, ActivationKind::kRelu6);
}
Value leaky_relu(Scope scope, Value x, double negative_slope) {
  return scope.add<Activation>(
      {.kind = ActivationKind::kLeakyRelu, .negative_slope = negative_slope}, {x});
}
Value hardswish(Scope scope, Value x) {
  return activation(scope, x, ActivationKind::kHardswish);
}
Value silu(Scope scope, Value x) {
  return activation(scope, x, ActivationKind::kSilu);
}
Value tanh(Scope scope, Value x) {
  return activation(scope, x, ActivationKind::kTanh);
}
Value sigmoid(Scope scope, Value x) {
  return activation(scope, x, ActivationKind::kSigmoid);
}

}  // namespace voluta
