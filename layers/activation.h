#pragma once

// Activations, element by element; no parameters, same shape out as in.

#include <voluta/kernels/activation/activation.h>
#include <voluta/layers/scope.h>

namespace voluta {

Value relu(Scope scope, Value x);
Value relu6(Scope scope, Value x);  // min(max(x, 0), 6)
Value tanh(Scope scope, Value x);
Value sigmoid(Scope scope, Value x);

}  // namespace voluta
