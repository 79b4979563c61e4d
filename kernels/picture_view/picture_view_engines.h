#pragma once

// Internal to the room.

#include <voluta/kernels/picture_view/picture_view.h>
#include <voluta/kernels/picture_view/view.h>

namespace voluta::picture_view {

extern const Engine kReference, kOpenmp, kElementwise;

}  // namespace voluta::picture_view
