#pragma once

// Internal to the room.

#include <voluta/kernels/picture_resize/resize_view.h>

namespace voluta::picture_resize {

extern const Engine kReference, kOpenmp, kSeparableTiles;

}  // namespace voluta::picture_resize
