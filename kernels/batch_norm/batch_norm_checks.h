#pragma once

// What the declarations of the room's ops share on the host. Internal to the room.

#include <voluta/kernels/activation/activation.h>

#include <string>

namespace voluta::batch_norm {

// Throws invalid() unless the first inputs are `matrices` tensors like x and `vectors` tensors of
// its channels; returns the latter's type.
TensorType check_inputs(std::span<const TensorType> inputs, std::size_t matrices,
                        std::size_t vectors);
void check_epsilon(double epsilon);  // throws invalid() where it is negative or NaN

// n of Note [Batch norm error bounds].
int64_t longest_sum(const Problem& problem);
int64_t longest_sum(int64_t terms);  // of so many, in place of R

// "n4h7w7c64<words> f32", and " eps0.001" where it is not the default.
std::string describe_rows(const Problem& problem, const std::string& words);
std::string epsilon_word(double epsilon);

// " residual relu": what is fused behind.
std::string fused_words(ActivationKind activation, bool residual);

Cost cost_per_element(const Problem& problem, double flops);

// Throws invalid() unless there are `count` inputs.
void check_count(std::span<const TensorType> inputs, std::size_t count);
// Throws invalid() unless input `at` is like x.
void check_residual(std::span<const TensorType> inputs, std::size_t at);

// " relu kept du": what a gradient computes of the activation.
std::string absorbed_words(ActivationKind activation, bool kept, bool du);

// Inputs and outputs of either gradient. Throws invalid().
std::vector<TensorType> infer_gradient(std::span<const TensorType> inputs,
                                       ActivationKind activation, bool kept, bool du);
std::vector<Alias> gradient_aliases(bool du);

}  // namespace voluta::batch_norm
