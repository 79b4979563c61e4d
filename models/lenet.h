#pragma once

#include <voluta/models/registry.h>

namespace voluta {

// LeNet-5 for [N,28,28,C] or [N,32,32,C] images; 28 x 28 digits are padded to the paper's 32 x 32.
ModelOutput lenet5(Scope scope, Value image, const ModelOptions& options);

// A fully convolutional net for digits of 28 x 28, [N,28,28,1], and for larger pictures, over which
// the answers are averaged.
ModelOutput digits_fcn(Scope scope, Value image, const ModelOptions& options);

}  // namespace voluta
