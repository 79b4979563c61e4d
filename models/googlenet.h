#pragma once

#include <voluta/models/registry.h>

namespace voluta {

// GoogLeNet for [N,224,224,3]; auxiliary heads behind 4a and 4d, each of weight 0.3.
ModelOutput googlenet(Scope scope, Value image, const ModelOptions& options);

}  // namespace voluta
