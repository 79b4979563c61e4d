#pragma once

// What the rules of ops on pictures share.

#include <voluta/core/random.h>

#include <string>

namespace voluta::judge {

// "n3h7w12c3": a few small pictures.
std::string picture_extents(Random& random, int64_t channels);

}  // namespace voluta::judge
