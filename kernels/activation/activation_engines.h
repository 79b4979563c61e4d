#pragma once

// The engines of the room, for activation.cpp, and its loop, for engines of other rooms that apply
// an activation behind a vendor's primitive. Internal.

#include <voluta/core/graph/op.h>
#include <voluta/kernels/activation/activation.h>

namespace voluta {

extern const Engine kActivationElementwise;
extern const Engine kActivationOnednn;
extern const Engine kActivationOpenmp;
extern const Engine kActivationReference;
extern const Engine kActivationCudnn;

extern const Engine kActivationGradientElementwise;
extern const Engine kActivationGradientOnednn;
extern const Engine kActivationGradientOpenmp;
extern const Engine kActivationGradientReference;
extern const Engine kActivationGradientCudnn;

// The kinds that cuDNN's activations serve here, alone or behind a convolution.
bool is_asked_of_cudnn(ActivationKind kind);

// Whether the kind is made of exponentials: the loop below then has no vector form.
bool needs_exp(ActivationKind kind);

// y[i] = activate(x[i]) for i < count on the CPU's threads; y may be x. For kinds without
// needs_exp().
void activate_elements(const ActivationOptions& options, int64_t count, const float* x, float* y);

}  // namespace voluta
