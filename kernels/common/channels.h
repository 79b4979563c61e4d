#pragma once

// The channels of a tensor, its last axis.

#include <voluta/core/tensor.h>

#include <vector>

namespace voluta {

// 0 of a scalar.
inline int64_t channels_of(const TensorType& type) {
  return type.shape.rank() == 0 ? 0 : type.shape[type.shape.rank() - 1];
}

// The type but for its channels; of rank 1 or more.
inline TensorType with_channels(const TensorType& type, int64_t channels) {
  const std::span<const int64_t> extents = type.shape.extents();
  std::vector<int64_t> changed(extents.begin(), extents.end());
  changed.back() = channels;
  return {type.dtype, Shape(std::span<const int64_t>(changed))};
}

}  // namespace voluta
