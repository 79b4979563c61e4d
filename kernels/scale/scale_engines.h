#pragma once

// The engines of the room, for scale.cpp. Internal.

#include <voluta/core/graph/op.h>

namespace voluta {

extern const Engine kScaleElementwise;
extern const Engine kScaleOpenmp;
extern const Engine kScaleReference;

}  // namespace voluta
