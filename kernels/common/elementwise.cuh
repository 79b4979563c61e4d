#pragma once

// What kernels over flat arrays share: the grid, and neighbours moved as one 16-byte access, four
// of 32 bits or eight of 16. Arithmetic is f32 whatever lies in memory.
//
//   for (int64_t i = grid_thread(); i < count; i += grid_threads()) y[i] = ...;

#include <voluta/kernels/common/packed_pair.h>
#include <voluta/core/device/launch.cuh>

#include <algorithm>
#include <cstdint>
#include <type_traits>

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

// kWidth numbers in registers, neighbours in memory. There they are float, BFloat16 or Float16, and
// move as 16-byte accesses, or as one of less: addresses are multiples of 16, or of all kWidth
// elements where those are fewer bytes.
template <int kWidth>
struct alignas(sizeof(float) * (kWidth < 4 ? kWidth : 4)) Floats {
  float lane[kWidth];

  __device__ Floats& operator+=(const Floats& other) {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) lane[i] += other.lane[i];
    return *this;
  }
};

// Elements of a 16-byte access: 4 or 8.
template <class T>
inline constexpr int kVector = 16 / static_cast<int>(sizeof(T));

// 2 kPairs numbers of 16 bits, as packed_pair.h has them.
template <int kPairs>
struct alignas(sizeof(uint32_t) * kPairs) PackedPairs {
  uint32_t pair[kPairs];
};

// item-th group of kWidth elements.
template <int kWidth, class T>
__device__ inline Floats<kWidth> load(const T* from, int64_t item) {
  if constexpr (std::is_same_v<T, float>) {
    return reinterpret_cast<const Floats<kWidth>*>(from)[item];
  } else if constexpr (kWidth == 1) {
    return {to_float(from[item])};
  } else {
    const auto words = reinterpret_cast<const PackedPairs<kWidth / 2>*>(from)[item];
    Floats<kWidth> values;
#pragma unroll
    for (int i = 0; i < kWidth / 2; ++i) {
      values.lane[2 * i] = unpack_low<T>(words.pair[i]);
      values.lane[2 * i + 1] = unpack_low<T>(words.pair[i] >> 16);
    }
    return values;
  }
}
template <int kWidth, class T>
__device__ inline void store(T* to, int64_t item, const Floats<kWidth>& values) {
  if constexpr (std::is_same_v<T, float>) {
    reinterpret_cast<Floats<kWidth>*>(to)[item] = values;
  } else if constexpr (kWidth == 1) {
    to[item] = from_float<T>(values.lane[0]);
  } else {
    PackedPairs<kWidth / 2> rounded;
#pragma unroll
    for (int i = 0; i < kWidth / 2; ++i) {
      rounded.pair[i] = packed<T>(values.lane[2 * i], values.lane[2 * i + 1]);
    }
    reinterpret_cast<PackedPairs<kWidth / 2>*>(to)[item] = rounded;
  }
}

// Whether all addresses allow 16-byte accesses.
template <class... Pointers>
VOLUTA_HOST_DEVICE bool aligned16(Pointers... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}

// Elements a thread maps at once: 16 bytes of the shorter type.
template <class Y, class... Inputs>
inline constexpr int kMapWidth = std::max({kVector<Y>, kVector<Inputs>...});

// Threads for a map of `count` elements.
template <class Y, class... Inputs>
LaunchShape map_shape(int64_t count) {
  return elementwise_shape((count + kMapWidth<Y, Inputs...> - 1) / kMapWidth<Y, Inputs...>);
}

// Which of how many threads that share a loop. Int: of its index.
template <class Int>
struct Share {
  Int thread, threads;
};

// y[i] = f(x0[i], x1[i], ...) for i < count, in floats: groups of kMapWidth, then the tail one by one.
template <class Int, class F, class Y, class... Inputs>
__device__ inline void map_elements_by(Share<Int> of, Int count, bool grouped, F f, Y* y,
                                       const Inputs*... inputs) {
  constexpr int kWidth = kMapWidth<Y, Inputs...>;
  const Int groups = grouped ? count / kWidth : 0;
  for (Int i = of.thread; i < groups; i += of.threads) {
    Floats<kWidth> result;
    [&](const auto&... in) {
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) result.lane[lane] = f(in.lane[lane]...);
    }(load<kWidth>(inputs, i)...);
    store<kWidth>(y, i, result);
  }
  for (Int i = groups * kWidth + of.thread; i < count; i += of.threads)
    y[i] = from_float<Y>(f(to_float(inputs[i])...));
}

// By all threads of the grid.
template <class F, class Y, class... Inputs>
__device__ inline void map_elements(int64_t count, bool grouped, F f, Y* y,
                                    const Inputs*... inputs) {
  map_elements_by(Share<int64_t>{grid_thread(), grid_threads()}, count, grouped, f, y, inputs...);
}

}  // namespace voluta
