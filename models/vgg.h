#pragma once

#include <voluta/models/registry.h>

namespace voluta {

// VGG for [N,224,224,3]: configurations A, B, D and E of Simonyan's table 1, ...
ModelOutput vgg11(Scope scope, Value image, const ModelOptions& options);
ModelOutput vgg13(Scope scope, Value image, const ModelOptions& options);
ModelOutput vgg16(Scope scope, Value image, const ModelOptions& options);
ModelOutput vgg19(Scope scope, Value image, const ModelOptions& options);

// ... and the same with batch normalisation behind each convolution.
ModelOutput vgg11_bn(Scope scope, Value image, const ModelOptions& options);
ModelOutput vgg13_bn(Scope scope, Value image, const ModelOptions& options);
ModelOutput vgg16_bn(Scope scope, Value image, const ModelOptions& options);
ModelOutput vgg19_bn(Scope scope, Value image, const ModelOptions& options);

}  // namespace voluta
