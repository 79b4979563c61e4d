#pragma once

// What elementwise rooms and pooling share on the host: extents as text, checks of inputs, and the
// limits of the hand-written CUDA engines.

#include <voluta/core/graph/op.h>

#include <string>
#include <string_view>

namespace voluta {

// Extents after their letters, by rank: "c10", "n64c10", "n64w5c6", "n64h28w28c6", "n2d3h4w5c6".
std::string describe_extents(const Shape& shape);

// Throws invalid() unless an op got `count` inputs, all of one floating dtype.
void check_floating_inputs(std::string_view op, std::span<const TensorType> inputs,
                           std::size_t count);

// All floating tensors f32, none empty, none with 2^31 elements or more: what kernels with 32-bit
// indices ask for.
Support supports_f32_int32(const Problem& problem);

// All floating tensors f32, none empty.
Support supports_nonempty_f32(const Problem& problem);

}  // namespace voluta
