#pragma once

// The engines of the three ops of this room, and the conv2d that each of their problems is.
// Internal.

#include <voluta/kernels/depthwise_conv2d/depthwise_conv2d.h>

namespace voluta {

// The conv2d with C groups (or its gradient) on the same tensors.
Problem as_conv2d(const Problem& problem);

#ifdef VOLUTA_WITH_CUDA
extern const Engine kDepthwiseConv2dRowTile, kDepthwiseConv2dInputGradientRowTile,
    kDepthwiseConv2dFilterGradientTwoPassReduction;
#endif

}  // namespace voluta
