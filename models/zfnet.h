#pragma once

#include <voluta/models/registry.h>

namespace voluta {

// Zeiler and Fergus 2013. [N,224,224,3].
ModelOutput zfnet(Scope scope, Value image, const ModelOptions& options);

}  // namespace voluta
