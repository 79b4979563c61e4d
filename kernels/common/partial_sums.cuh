#pragma once

// The second pass of reductions in two passes: parts that blocks summed apart, added in the order of
// their index, so that two runs agree bit for bit.

#include <voluta/core/device/launch.cuh>

#include <cstdint>

namespace voluta {

inline constexpr int kPartialSumsBlock = 256;

// parts [splits, elements] -> sums [elements], rounded to T once; a thread an element, neighbours
// read neighbours.
template <class T>
__global__ void add_partial_sums(const float* parts, T* sums, int64_t elements, int splits) {
  const int64_t i = int64_t{blockIdx.x} * kPartialSumsBlock + threadIdx.x;
  if (i >= elements) return;
  float sum = 0.0f;
#pragma unroll 16  // loads under way at once
  for (int split = 0; split < splits; ++split) sum += parts[split * elements + i];
  sums[i] = static_cast<T>(sum);
}

template <class T>
void launch_add_partial_sums(Stream& stream, const char* name, const float* parts, T* sums,
                             int64_t elements, int splits) {
  launch(
      stream, name,
      {.grid = {blocks_for(elements, kPartialSumsBlock), 1, 1}, .block = {kPartialSumsBlock, 1, 1}},
      add_partial_sums<T>, parts, sums, elements, splits);
}

}  // namespace voluta
