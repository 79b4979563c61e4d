#pragma once

// Where branches of a network meet; no parameters.

#include <voluta/kernels/add/add.h>
#include <voluta/kernels/concat/concat.h>
#include <voluta/layers/scope.h>

namespace voluta {

// Element by element; both of one shape.
Value add(Scope scope, Value a, Value b);

// Channels of all branches, [..., C_0], [..., C_1], ... -> [..., sum of C_i].
Value concat(Scope scope, std::vector<Value> branches);

// Zeros in front of the channels and behind them: [..., C] -> [..., before + C + after].
Value channel_pad(Scope scope, Value x, int64_t before, int64_t after);

}  // namespace voluta
