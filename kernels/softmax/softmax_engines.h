#pragma once

// The engines of the two ops. Internal to the room.

#include <voluta/kernels/softmax/softmax.h>

namespace voluta::softmax {

extern const Engine kReference, kGradientReference;
extern const Engine kOpenmp, kGradientOnednn, kGradientOpenmp;
extern const Engine kOnline, kGradientRowSum;

}  // namespace voluta::softmax
