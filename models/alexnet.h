#pragma once

#include <voluta/models/registry.h>

namespace voluta {

// torchvision's AlexNet: Krizhevsky 2014, one tower, no normalisation. [N,224,224,3].
ModelOutput alexnet(Scope scope, Value image, const ModelOptions& options);

// AlexNet as of 2012: local response normalisation, groups where two GPUs were. [N,224,224,3].
ModelOutput alexnet_lrn(Scope scope, Value image, const ModelOptions& options);

}  // namespace voluta
