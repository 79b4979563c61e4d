#pragma once

// The maximum and the sum of exponentials of a row in one pass, and sums over a row, by a warp or
// a block. Every thread of the row gets the same bits, in every run.
//
// Source: Milakov and Gimelshein 2018, "Online normalizer calculation for softmax", algorithm 3:
// the sum is kept relative to the maximum so far and rescaled when that grows.
//
//   kThreads = 32    8 rows a block of 256, one warp each; no barrier
//   kThreads = 256   1 row a block; warps meet in shared memory, merged in the warps' order

#include <voluta/core/device/launch.cuh>

#include <cfloat>
#include <cstdint>

namespace voluta {

inline constexpr int kRowBlock = 256;             // threads of a block
inline constexpr int kRowWarps = kRowBlock / 32;  // warps of it
inline constexpr int64_t kWarpRowLength = 1024;   // rows up to here get a warp, longer ones a block
inline constexpr unsigned kAllLanes = 0xffffffffu;

// sum = sum_j exp(x_j - maximum). It starts at the least finite number, not at -infinity, so that
// no difference below is infinity - infinity unless an x is.
struct OnlineSum {
  float maximum = -FLT_MAX, sum = 0.0f;

  __device__ void add(float x) {
    if (x > maximum) {
      sum = sum * expf(maximum - x) + 1.0f;
      maximum = x;
    } else {  // NaN too, which the sum then keeps
      sum += expf(x - maximum);
    }
  }
  __device__ void merge(float other_maximum, float other_sum) {
    const float larger = fmaxf(maximum, other_maximum);
    sum = sum * expf(maximum - larger) + other_sum * expf(other_maximum - larger);
    maximum = larger;
  }
};

// A row's thread of this launch: row r belongs to kThreads neighbouring threads.
template <int kThreads>
struct RowThread {
  int64_t row = static_cast<int64_t>(blockIdx.x) * (kRowBlock / kThreads) + threadIdx.x / kThreads;
  int lane = static_cast<int>(threadIdx.x) % kThreads;
};

// Scratch of a block for the functions below; each may be called again at once.
struct RowScratch {
  float first[kRowWarps], second[kRowWarps];
};

// Over the row of the calling thread, whose threads all take part.
template <int kThreads>
__device__ OnlineSum row_online_sum(OnlineSum own, RowScratch& scratch) {
  for (int offset = 16; offset > 0; offset /= 2) {
    const float maximum = __shfl_down_sync(kAllLanes, own.maximum, offset);
    own.merge(maximum, __shfl_down_sync(kAllLanes, own.sum, offset));
  }
  if constexpr (kThreads == 32) {
    own.maximum = __shfl_sync(kAllLanes, own.maximum, 0);
    own.sum = __shfl_sync(kAllLanes, own.sum, 0);
    return own;
  } else {
    __syncthreads();
    if (threadIdx.x % 32 == 0) {
      scratch.first[threadIdx.x / 32] = own.maximum;
      scratch.second[threadIdx.x / 32] = own.sum;
    }
    __syncthreads();
    OnlineSum total{scratch.first[0], scratch.second[0]};
    for (int w = 1; w < kRowWarps; ++w) total.merge(scratch.first[w], scratch.second[w]);
    return total;
  }
}

template <int kThreads>
__device__ float row_sum(float own, RowScratch& scratch) {
  for (int offset = 16; offset > 0; offset /= 2) own += __shfl_xor_sync(kAllLanes, own, offset);
  if constexpr (kThreads == 32) {
    return own;
  } else {
    __syncthreads();
    if (threadIdx.x % 32 == 0) scratch.first[threadIdx.x / 32] = own;
    __syncthreads();
    float total = scratch.first[0];
    for (int w = 1; w < kRowWarps; ++w) total += scratch.first[w];
    return total;
  }
}

// The launch for n rows of k elements, and the kernel instance that goes with it:
//   launch_rows(n, k, [&]<int kThreads>(const LaunchShape& shape) {
//     launch(stream, "name", shape, kernel<kThreads>, ...);
//   });
template <class F>
void launch_rows(int64_t n, int64_t k, F&& launch_with) {
  if (k <= kWarpRowLength) {
    launch_with.template operator()<32>(
        LaunchShape{.grid = {blocks_for(n, kRowWarps), 1, 1}, .block = {kRowBlock, 1, 1}});
  } else {
    launch_with.template operator()<kRowBlock>(
        LaunchShape{.grid = {static_cast<unsigned>(n), 1, 1}, .block = {kRowBlock, 1, 1}});
  }
}

}  // namespace voluta
