#pragma once

// The engines of the room, for activation.cpp. Internal.

#include <voluta/core/graph/op.h>

namespace voluta {

extern const Engine kActivationElementwise;
extern const Engine kActivationOnednn;
extern const Engine kActivationOpenmp;
extern const Engine kActivationReference;
extern const Engine kActivationCudnn;

extern const Engine kActivationGradientElementwise;
extern const Engine kActivationGradientOpenmp;
extern const Engine kActivationGradientReference;
extern const Engine kActivationGradientCudnn;

}  // namespace voluta
