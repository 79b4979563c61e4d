#pragma once

// Sums over the threads of a block, in an order that depends on nothing but the block's shape: two
// runs agree bit for bit.

#include <voluta/core/device/launch.cuh>

namespace voluta {

// parts[row*width + column] for row < rows, column < width, in shared memory; afterwards
// parts[column] holds the column's parts of all rows, put together by join(part&, other). A tree that
// halves the rows. Every thread of the block calls it; thread row*width + column owns that element,
// threads beyond own none.
template <class T, class Join>
__device__ inline void block_join_rows(T* parts, unsigned rows, unsigned width, Join join) {
  const unsigned row = threadIdx.x / width;
  __syncthreads();
  while (rows > 1) {
    const unsigned half = (rows + 1) / 2;
    if (row + half < rows) join(parts[threadIdx.x], parts[threadIdx.x + half * width]);
    __syncthreads();
    rows = half;
  }
}

// The same where parts are floats and joining is adding.
__device__ inline void block_sum_rows(float* sums, unsigned rows, unsigned width) {
  block_join_rows(sums, rows, width, [](float& sum, float other) { sum += other; });
}

// The sum of one value a thread, handed to all threads. `scratch` holds blockDim.x floats of
// shared memory and may be used again after the next barrier.
__device__ inline float block_sum(float value, float* scratch) {
  scratch[threadIdx.x] = value;
  block_sum_rows(scratch, blockDim.x, 1);
  return scratch[0];
}

}  // namespace voluta
