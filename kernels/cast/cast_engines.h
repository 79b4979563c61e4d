#pragma once

// The engines of the room, for cast.cpp. Internal.

#include <voluta/core/graph/op.h>

namespace voluta {

extern const Engine kCastElementwise;
extern const Engine kCastMultiTensor;
extern const Engine kCastOpenmp;
extern const Engine kCastReference;

}  // namespace voluta
