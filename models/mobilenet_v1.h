#pragma once

#include <voluta/models/registry.h>

namespace voluta {

// MobileNet for [N,224,224,3]. options.width is the paper's alpha; its rho is the image's size.
ModelOutput mobilenet_v1(Scope scope, Value image, const ModelOptions& options);

}  // namespace voluta
