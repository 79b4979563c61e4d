#pragma once

// Activations, alone or fused into a producer.

#include "rules.h"

#include <voluta/kernels/activation/activation.h>

namespace voluta::judge {

// The activation that a line names; kNone where it names none.
ActivationKind activation_word(ProblemLine& line);

// Whether integers stay integers: all but tanh and sigmoid.
bool is_piecewise_linear(ActivationKind kind);

// Adds what the activation itself may err, next to y: 0 for the piecewise linear ones.
void add_activation_error(ActivationKind kind, const Tensor& y, std::vector<double>& bound);

}  // namespace voluta::judge
