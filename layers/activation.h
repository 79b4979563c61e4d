#pragma once

// Activations, element by element; no parameters, same shape out as in.

#include <voluta/kernels/activation/activation.h>
#include <voluta/layers/scope.h>

namespace voluta {

Value relu(Scope scope, Value x);
Value relu6(Scope scope, Value x);  // min(max(x, 0), 6)
// x where x > 0, else negative_slope * x.
Value leaky_relu(Scope scope, Value x, double negative_slope = kLeakyReluSlope);
Value hardswish(Scope scope, Value x);  // x * relu6(x + 3) / 6
Value silu(Scope scope, Value x);       // x * sigmoid(x)
Value sigmoid(Scope scope, Value x);
Value tanh(Scope scope, Value x);

}  // namespace voluta
