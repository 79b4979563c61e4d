#pragma once

#include <voluta/models/registry.h>

namespace voluta {

// MobileNetV2 for [N,224,224,3]. options.width is the paper's width multiplier.
ModelOutput mobilenet_v2(Scope scope, Value image, const ModelOptions& options);

}  // namespace voluta
