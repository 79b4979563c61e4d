#pragma once

// The second pass of reductions in two passes: parts that blocks summed apart, added in the order of
// their index, so that two runs agree bit for bit.

#include <voluta/core/device/launch.cuh>

#include <cstdint>

namespace voluta {

inline constexpr int kPartialSumsBlock = 256;

// What is done to a sum before it is rounded: here nothing.
struct UnchangedSum {
  __device__ float operator()(int64_t /*element*/, float sum) const { return sum; }
};

// parts [splits, elements] -> sums [elements], rounded to T once; a thread an element, neighbours
// read neighbours. `finish(element, sum)` is what is stored.
template <class T, class Finish>
__global__ void add_partial_sums(const float* parts, T* sums, int64_t elements, int splits,
                                 Finish finish) {
  const int64_t i = int64_t{blockIdx.x} * kPartialSumsBlock + threadIdx.x;
  if (i >= elements) return;
  float sum = 0.0f;
#pragma unroll 16  // loads under way at once
  for (int split = 0; split < splits; ++split) sum += parts[split * elements + i];
  sums[i] = static_cast<T>(finish(i, sum));
}

template <class T, class Finish = UnchangedSum>
void launch_add_partial_sums(Stream& stream, const char* name, const float* parts, T* sums,
                             int64_t elements, int splits, Finish finish = {}) {
  launch(
      stream, name,
      {.grid = {blocks_for(elements, kPartialSumsBlock), 1, 1}, .block = {kPartialSumsBlock, 1, 1}},
      add_partial_sums<T, Finish>, parts, sums, elements, splits, finish);
}

}  // namespace voluta
