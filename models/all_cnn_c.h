#pragma once

#include <voluta/models/registry.h>

namespace voluta {

// All-CNN-C, convolutions only, for CIFAR. [N,32,32,3].
ModelOutput all_cnn_c(Scope scope, Value image, const ModelOptions& options);

}  // namespace voluta
