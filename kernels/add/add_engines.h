#pragma once

// The engines of the room, for add.cpp. Internal.

#include <voluta/core/graph/op.h>

namespace voluta {

extern const Engine kAddElementwise;
extern const Engine kAddOnednn;
extern const Engine kAddOpenmp;
extern const Engine kAddReference;

}  // namespace voluta
