#pragma once

// One block's tile of a matrix product C[i,j] = sum_k A[i,k] * B[k,j] in f32, k ascending: the
// accumulators see one FMA a term, in the same order in every run.
//
// A block of 16 x 16 threads owns a square tile of C, 16*R on a side, and each thread R x R of it.
// Slices of A and B, kDepth deep, pass through shared memory in two buffers: while one is
// multiplied, the next slice travels from global memory to registers, then to the other buffer, so
// that one barrier a slice is enough.
//
//   B slice [kDepth, 16*R]     A thread (ty, tx) owns rows ty*V + 16*V*g + 0..V-1, columns
//        +-----------------+   tx*V + 16*V*h + 0..V-1, with V = min(R, 4) and g, h < R/V: V
//        |   k   ....      |   neighbours are one vector load from shared memory, and the lanes of
//        +-----------------+   a warp read neighbouring vectors without bank conflicts.
//   A    +-----------------+
//  slice |  C tile         |
//   [16R]|  R x R a thread |
//        +-----------------+

#include <voluta/core/device/launch.cuh>

#include <cstdint>

namespace voluta::linear {

inline constexpr int kSide = 16;                // threads along each side of the tile
inline constexpr int kThreads = kSide * kSide;  // of a block
inline constexpr int kDepth = 16;               // k's of a slice

// A matrix as the product sees it: element (outer, k) at data[outer * outer_stride + k * k_stride],
// one of the strides being 1. `outer` is i for A and j for B.
struct Operand {
  const float* data;
  int64_t outer_stride, k_stride;
  int64_t outer_extent;
};

template <int kWidth>
struct alignas(4 * kWidth) FloatVector {
  float value[kWidth];
};

// One operand's slices on their way from global to shared memory.
template <int R, bool kContiguousK>
struct SliceLoader {
  static constexpr int kTile = kSide * R;
  static constexpr int kPitch = kTile + 4;  // spreads a column of k's over the banks
  using Slice = float[kDepth][kPitch];      // [k, outer]

  float held[R];  // this thread's share of kDepth * kTile / kThreads elements

  // Neighbouring lanes take neighbouring addresses: along k where k is contiguous, else along outer.
  __device__ static int k_of(int thread, int r) {
    return kContiguousK ? thread % kDepth : (thread + r * kThreads) / kTile;
  }
  __device__ static int outer_of(int thread, int r) {
    return kContiguousK ? thread / kDepth + r * (kThreads / kDepth) : (thread + r * kThreads) % kTile;
  }

  // Elements outside the matrix are zeros and add nothing.
  __device__ void fetch(const Operand& m, int64_t outer_begin, int64_t k_begin, int64_t k_extent,
                        int thread) {
#pragma unroll
    for (int r = 0; r < R; ++r) {
      const int64_t outer = outer_begin + outer_of(thread, r), k = k_begin + k_of(thread, r);
      const bool inside = outer < m.outer_extent && k < k_extent;
      held[r] = inside ? m.data[outer * m.outer_stride + k * m.k_stride] : 0.0f;
    }
  }
  __device__ void store(Slice& slice, int thread) const {
#pragma unroll
    for (int r = 0; r < R; ++r) slice[k_of(thread, r)][outer_of(thread, r)] = held[r];
  }
};

// Row (or column) of the tile that a thread's r-th accumulator row (or column) is.
template <int R>
__device__ int owned(int thread_along_side, int r) {
  constexpr int V = R < 4 ? R : 4;
  return thread_along_side * V + (r / V) * kSide * V + r % V;
}

// This thread's R elements of one k of a slice.
template <int R>
__device__ void read_owned(const float* outer_line, int thread_along_side, float (&out)[R]) {
  constexpr int V = R < 4 ? R : 4;
#pragma unroll
  for (int g = 0; g < R / V; ++g) {
    const auto vector = *reinterpret_cast<const FloatVector<V>*>(
        outer_line + thread_along_side * V + g * kSide * V);
#pragma unroll
    for (int v = 0; v < V; ++v) out[g * V + v] = vector.value[v];
  }
}

// acc[r][c] += sum over the slice's k of a[k, row r] * b[k, column c].
template <int R, class Slice>
__device__ void multiply_slice(const Slice& a, const Slice& b, int ty, int tx,
                               float (&acc)[R][R]) {
#pragma unroll
  for (int k = 0; k < kDepth; ++k) {
    float a_own[R], b_own[R];
    read_owned<R>(a[k], ty, a_own);
    read_owned<R>(b[k], tx, b_own);
#pragma unroll
    for (int r = 0; r < R; ++r) {
#pragma unroll
      for (int c = 0; c < R; ++c) acc[r][c] = fmaf(a_own[r], b_own[c], acc[r][c]);
    }
  }
}

}  // namespace voluta::linear
