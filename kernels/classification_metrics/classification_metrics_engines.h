#pragma once

// The engines of the op. Internal to the room.

#include <voluta/kernels/classification_metrics/classification_metrics.h>

namespace voluta::classification_metrics {

inline constexpr int64_t kTop = 5;  // ranks below it count as "top 5"

extern const Engine kReference, kWarpPerRow;

}  // namespace voluta::classification_metrics
