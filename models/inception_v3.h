#pragma once

#include <voluta/models/registry.h>

namespace voluta {

// Inception-v3 for [N,299,299,3]; an auxiliary head behind the 17 x 17 maps, of weight 0.4. Training
// takes pictures of 299 x 299 or more, as the head does; evaluation of 75 x 75 or more.
ModelOutput inception_v3(Scope scope, Value image, const ModelOptions& options);

}  // namespace voluta
