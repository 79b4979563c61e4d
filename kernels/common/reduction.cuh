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

// The same where joining is adding: of float or of Floats.
template <class T>
__device__ inline void block_sum_rows(T* sums, unsigned rows, unsigned width) {
  block_join_rows(sums, rows, width, [](T& sum, const T& other) { sum += other; });
}

// The sum of one value a thread, handed to all threads. `scratch` holds blockDim.x floats of
// shared memory and may be used again after the next barrier.
__device__ inline float block_sum(float value, float* scratch) {
  scratch[threadIdx.x] = value;
  block_sum_rows(scratch, blockDim.x, 1);
  return scratch[0];
}

// The same by shuffles: halves of a warp, then the warps in their order. `scratch` holds
// blockDim.x / 32 values of shared memory, for blocks of whole warps; every thread of the block
// calls it, and may call it again at once.
template <class T>
__device__ inline T block_sum_by_warps(T value, T* scratch) {
  for (int offset = 16; offset > 0; offset /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, offset);
  }
  __syncthreads();
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = value;
  __syncthreads();
  T sum = scratch[0];
  for (unsigned warp = 1; warp < blockDim.x / 32; ++warp) sum += scratch[warp];
  return sum;
}

// Adds kCount values a lane over a warp by halves: of every exchange a lane keeps the half of the
// values that its bit of `kOffset` names, so that kCount sums cost about kCount shuffles. Afterwards
// values[0 .. kScatteredSums<kCount>) are the lane's, sums `first` and up; returns first. Where there
// are fewer sums than lanes, neighbours hold the same.
template <int kCount>
inline constexpr int kScatteredSums = kCount > 32 ? kCount / 32 : 1;

template <int kCount, int kHeld = kCount, int kOffset = 16>
__device__ inline int warp_scatter_sums(float (&values)[kCount]) {
  if constexpr (kOffset == 0) {
    return 0;
  } else if constexpr (kHeld == 1) {
    values[0] += __shfl_xor_sync(0xffffffffu, values[0], kOffset);
    return warp_scatter_sums<kCount, 1, kOffset / 2>(values);
  } else {
    constexpr int kHalf = kHeld / 2;
    const bool upper = (threadIdx.x & kOffset) != 0;
#pragma unroll
    for (int i = 0; i < kHalf; ++i) {
      const float own = upper ? values[i + kHalf] : values[i];
      const float others = upper ? values[i] : values[i + kHalf];
      values[i] = own + __shfl_xor_sync(0xffffffffu, others, kOffset);
    }
    return (upper ? kHalf : 0) + warp_scatter_sums<kCount, kHalf, kOffset / 2>(values);
  }
}

}  // namespace voluta
