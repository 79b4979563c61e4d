#pragma once

#include <voluta/models/registry.h>

namespace voluta {

// ResNet for [N,224,224,3]: table 1 of He 2015.
ModelOutput resnet18(Scope scope, Value image, const ModelOptions& options);
ModelOutput resnet34(Scope scope, Value image, const ModelOptions& options);
ModelOutput resnet50(Scope scope, Value image, const ModelOptions& options);
ModelOutput resnet101(Scope scope, Value image, const ModelOptions& options);
ModelOutput resnet152(Scope scope, Value image, const ModelOptions& options);

// ResNeXt, Xie 2016: the 3 x 3 convolutions in 32 groups of 4 or 8 channels (in the first stage).
ModelOutput resnext50_32x4d(Scope scope, Value image, const ModelOptions& options);
ModelOutput resnext101_32x8d(Scope scope, Value image, const ModelOptions& options);

// Wide ResNet, Zagoruyko 2016: the 3 x 3 convolutions twice as wide.
ModelOutput wide_resnet50_2(Scope scope, Value image, const ModelOptions& options);
ModelOutput wide_resnet101_2(Scope scope, Value image, const ModelOptions& options);

}  // namespace voluta
