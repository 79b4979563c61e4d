#pragma once

// Weights and inputs that tests and PyTorch's side compute alike: formula.py says how and why.

#include <voluta/core/tensor.h>

#include <array>
#include <string>
#include <string_view>

namespace voluta::goldens {

// The tensor of that name, of a shape in PyTorch's order.
Tensor formula(std::string_view name, DType dtype, const Shape& pytorch_shape);

// Label n is 3 n mod classes.
Tensor formula_labels(int64_t batch, int64_t classes);

// Norm and four projections of an f64 gradient in PyTorch's order.
using Digest = std::array<double, 5>;
Digest digest(std::string_view name, const Tensor& gradient);

}  // namespace voluta::goldens
