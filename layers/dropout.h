#pragma once

// Dropout layer; no parameters.

#include <voluta/kernels/dropout/dropout.h>
#include <voluta/layers/scope.h>

namespace voluta {

// In training, drops elements of x with this probability, in [0, 1], and scales the others by
// 1 / (1 - probability); else x itself. Random numbers belong to the scope's seed and path and to
// the graph's input "step": two layers need scopes of their own. Throws invalid(), naming the layer,
// where the probability is none.
Value dropout(Scope scope, Value x, double probability = 0.5);

}  // namespace voluta
