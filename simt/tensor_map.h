#pragma once

// What a TensorMap holds under simt/: its layout, packed.

#include <voluta/core/device/tensor_map.h>

#include <bit>
#include <cstddef>

namespace voluta::simt {

struct PackedTensorMap {
  const std::byte* address;
  int64_t stride_bytes[4];
  uint32_t extents[4];
  uint16_t box[4];
  uint16_t pixels, channels;
  int8_t lower[2], upper[2];
  uint8_t step[2];
  uint8_t rank, element_bytes;
  bool tf32;
  std::byte unused[51];
};
static_assert(sizeof(PackedTensorMap) == 128);

inline const PackedTensorMap& unpack(const TensorMap& map) {
  return *reinterpret_cast<const PackedTensorMap*>(&map);
}

// Throws what cuTensorMapEncode* would refuse.
TensorMap pack_tensor_map(const TensorMapLayout& layout);

}  // namespace voluta::simt
