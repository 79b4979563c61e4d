#pragma once

#include <voluta/models/registry.h>

namespace voluta {

// ResNet for CIFAR, [N,32,32,3]: 6n + 2 layers, n = 3, 5, 7, 9 and 18.
ModelOutput resnet20(Scope scope, Value image, const ModelOptions& options);
ModelOutput resnet32(Scope scope, Value image, const ModelOptions& options);
ModelOutput resnet44(Scope scope, Value image, const ModelOptions& options);
ModelOutput resnet56(Scope scope, Value image, const ModelOptions& options);
ModelOutput resnet110(Scope scope, Value image, const ModelOptions& options);

}  // namespace voluta
