#pragma once

// What the declarations of the room's ops share on the host. Internal to the room.

#include <voluta/core/graph/op.h>

#include <string>

namespace voluta::batch_norm {

// Throws invalid() unless the first inputs are `matrices` tensors like x and `vectors` tensors of
// its channels; returns the latter's type.
TensorType check_inputs(std::span<const TensorType> inputs, std::size_t matrices,
                        std::size_t vectors);
void check_epsilon(double epsilon);  // throws invalid() where it is negative or NaN

// n of Note [Batch norm error bounds].
int64_t longest_sum(const Problem& problem);

// "n4h7w7c64<words> f32", and " eps0.001" where it is not the default.
std::string describe_rows(const Problem& problem, const std::string& words);
std::string epsilon_word(double epsilon);

Cost cost_per_element(const Problem& problem, double flops);

}  // namespace voluta::batch_norm
