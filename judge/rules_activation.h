#pragma once

// Activations, alone or fused into a producer.

#include <voluta/judge/rules.h>
#include <voluta/kernels/activation/activation.h>

namespace voluta::judge {

// The activation that a line names; kNone where it names none.
ActivationKind activation_word(ProblemLine& line);

// "", or " relu" and the like.
std::string random_activation_word(Random& random);

// Whether integers stay integers: none, relu and relu6.
bool is_exact_on_integers(ActivationKind kind);

// From the bound of the activation's input to that of y: enlarged where the activation's slope
// exceeds 1, plus what the activation itself may err.
void add_activation_error(ActivationKind kind, const Tensor& y, std::vector<double>& bound);

// What dy times the activation's slope may err by, over |dy|, where the engine reads `kept`: y, or x
// where gradient_reads_input().
double activation_gradient_error(const ActivationOptions& options, double kept);

}  // namespace voluta::judge
