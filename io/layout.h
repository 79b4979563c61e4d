#pragma once

// The door between Voluta's layout (NHWC activations, KRSC filters) and that of PyTorch and its
// files (NCHW, OIHW). Both pairs are the same move of the second axis: O = K, I = C, HW = RS.

#include <voluta/core/tensor.h>

namespace voluta {

// [N,C,H,W] -> [N,H,W,C], equally [O,I,H,W] -> [K,R,S,C]. Throws invalid() unless the rank is 4.
Tensor channels_last(const Tensor& tensor);
// [N,H,W,C] -> [N,C,H,W], equally [K,R,S,C] -> [O,I,H,W].
Tensor channels_first(const Tensor& tensor);

// Parameters by rank: filters (4) move their axis, untied biases (3) are [C,H,W] there and [H,W,C]
// here, all others are kept.
Tensor parameter_from_pytorch(const Tensor& tensor);
Tensor parameter_to_pytorch(const Tensor& tensor);
// The shape that the parameter has in PyTorch's files.
Shape parameter_shape_in_pytorch(const Shape& shape);

}  // namespace voluta
