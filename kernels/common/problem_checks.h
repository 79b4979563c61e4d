#pragma once

// What elementwise rooms and pooling share on the host: extents as text, checks of inputs, and the
// limits of the hand-written CUDA engines.

#include <voluta/core/graph/op.h>

#include <string>
#include <string_view>
#include <utility>

namespace voluta {

// Extents after their letters, by rank: "c10", "n64c10", "n64w5c6", "n64h28w28c6", "n2d3h4w5c6".
std::string describe_extents(const Shape& shape);

// Elements of each of several tensors: "n48000,500".
std::string describe_tensors(std::span<const TensorType> tensors);

// Elements of all of them.
int64_t total_elements(std::span<const TensorType> tensors);

// Throws invalid() unless an op got `count` inputs, all of one floating dtype.
void check_floating_inputs(std::string_view op, std::span<const TensorType> inputs,
                           std::size_t count);

// All floating tensors f32, bf16 or f16, none empty; none with 2^31 elements or more: what kernels
// with 32-bit indices ask for.
Support supports_nonempty(const Problem& problem);
Support supports_int32(const Problem& problem);

// The same with f32 alone.
Support supports_nonempty_f32(const Problem& problem);
Support supports_f32_int32(const Problem& problem);

// f.operator()<T>() with the C++ type of elements that lie in memory as f32, bf16 or f16; of a
// supported problem's first input.
template <class F>
decltype(auto) dispatch_elements(DType dtype, F&& f) {
  switch (dtype) {
    case DType::bf16:
      return f.template operator()<BFloat16>();
    case DType::f16:
      return f.template operator()<Float16>();
    default:
      return f.template operator()<float>();
  }
}
template <class F>
decltype(auto) dispatch_elements(const Problem& problem, F&& f) {
  return dispatch_elements(problem.inputs[0].dtype, std::forward<F>(f));
}

}  // namespace voluta
