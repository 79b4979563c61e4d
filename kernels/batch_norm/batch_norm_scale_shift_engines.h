#pragma once

// The engines of batch_norm_scale_shift. Internal to the room.

#include <voluta/kernels/batch_norm/batch_norm_scale_shift.h>

namespace voluta::batch_norm {

extern const Engine kScaleShiftPerChannel, kScaleShiftLoop, kScaleShiftReference;

}  // namespace voluta::batch_norm
