#pragma once

// The engines of the two ops. Internal to the room.

#include <voluta/core/graph/op.h>

namespace voluta::mean_squares {

extern const Engine kReference, kGradientReference;
extern const Engine kOpenmp, kGradientOpenmp;
extern const Engine kTwoPassReduction, kGradientElementwise;

}  // namespace voluta::mean_squares
