#pragma once

// What kernels over flat arrays share: the grid, and four floats moved as one 16-byte access.
//
//   for (int64_t i = grid_thread(); i < count; i += grid_threads()) y[i] = ...;

#include <voluta/core/device/launch.cuh>

#include <algorithm>
#include <cstdint>

namespace voluta {

inline constexpr unsigned kElementwiseBlock = 256;
// Enough blocks to fill the largest chip several times over (132 SMs x 8 blocks of 256 threads);
// what is beyond them is done by the stride. Far below the limit of 2^31-1 blocks.
inline constexpr int64_t kElementwiseBlocks = 4096;

// One-dimensional grid for `count` > 0 items of a grid-stride loop.
inline LaunchShape elementwise_shape(int64_t count) {
  const int64_t blocks = (count + kElementwiseBlock - 1) / kElementwiseBlock;
  return {.grid = {static_cast<unsigned>(std::min(blocks, kElementwiseBlocks)), 1, 1},
          .block = {kElementwiseBlock, 1, 1}};
}

__device__ inline int64_t grid_thread() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline int64_t grid_threads() {
  return static_cast<int64_t>(gridDim.x) * blockDim.x;
}

// kWidth floats that are loaded and stored at once: 1, or 4 at addresses that are multiples of 16.
template <int kWidth>
struct alignas(sizeof(float) * kWidth) Floats {
  float lane[kWidth];

  __device__ Floats& operator+=(const Floats& other) {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) lane[i] += other.lane[i];
    return *this;
  }
};

// item-th group of kWidth floats.
template <int kWidth>
__device__ inline Floats<kWidth> load(const float* from, int64_t item) {
  return reinterpret_cast<const Floats<kWidth>*>(from)[item];
}
template <int kWidth>
__device__ inline void store(float* to, int64_t item, const Floats<kWidth>& values) {
  reinterpret_cast<Floats<kWidth>*>(to)[item] = values;
}

// Whether all addresses allow 16-byte accesses.
template <class... Pointers>
bool aligned16(Pointers... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}

// y[i] = f(x0[i], x1[i], ...) for i < count: groups of four, then the tail one by one.
template <class F, class... Inputs>
__device__ inline void map_elements(int64_t count, bool grouped, F f, float* y, Inputs... inputs) {
  const int64_t groups = grouped ? count / 4 : 0;
  for (int64_t i = grid_thread(); i < groups; i += grid_threads()) {
    Floats<4> result;
    [&](auto... in) {
#pragma unroll
      for (int lane = 0; lane < 4; ++lane) result.lane[lane] = f(in.lane[lane]...);
    }(load<4>(inputs, i)...);
    store<4>(y, i, result);
  }
  for (int64_t i = groups * 4 + grid_thread(); i < count; i += grid_threads())
    y[i] = f(inputs[i]...);
}

}  // namespace voluta
