#pragma once

// Several tensors cut into chunks of a fixed length, which the cores of the CPU share: how the
// multi-tensor ops divide their work. The cut depends on the shapes alone, so a reduction over chunks
// in their order has the same result on any number of cores.

#include <voluta/core/tensor.h>

#include <span>
#include <vector>

namespace voluta {

struct TensorChunk {
  std::size_t tensor;
  int64_t first, end;  // elements
  int64_t count() const { return end - first; }
};

// In the order of the tensors; an empty one has no chunk. 2^14 elements: 64 KiB of f32 each.
inline std::vector<TensorChunk> chunks_of(std::span<const TensorType> tensors) {
  constexpr int64_t kChunk = 1 << 14;
  std::vector<TensorChunk> chunks;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const int64_t count = tensors[i].shape.elements();
    for (int64_t first = 0; first < count; first += kChunk) {
      chunks.push_back({i, first, first + kChunk < count ? first + kChunk : count});
    }
  }
  return chunks;
}

}  // namespace voluta
