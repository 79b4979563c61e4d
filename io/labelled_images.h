#pragma once

// Labelled pictures as the readers of io/ give them.

#include <voluta/core/tensor.h>

namespace voluta {

struct LabelledImages {
  Tensor images;  // u8 [N,H,W,C]
  Tensor labels;  // i64 [N], each in [0, classes)
  int64_t classes = 0;
  int64_t count() const { return images.shape()[0]; }
};

// Throws invalid() unless the tensors are of these types, with as many labels as images, each of a class.
void check_labelled_images(const LabelledImages& data);

enum class Split { kTrain, kTest };

}  // namespace voluta
