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

#include <voluta/kernels/common/elementwise.cuh>

#include <cstdint>

namespace voluta::linear {

inline constexpr int kSide = 16;                // threads along each side of the tile
inline constexpr int kThreads = kSide * kSide;  // of a block
inline constexpr int kDepth = 8;                // k's of a slice

// A matrix as the product sees it: element (outer, k) at data[outer * outer_stride + k * k_stride],
// one of the strides being 1. `outer` is i for A and j for B.
struct Operand {
  const float* data;
  int64_t outer_stride, k_stride;
  int64_t outer_extent;
};

// One operand's slices on their way from global to shared memory.
template <int R, bool kContiguousK>
struct SliceLoader {
  static constexpr int kTile = kSide * R;
  static constexpr int kCarried = kTile * kDepth / kThreads;  // elements a thread carries
  static constexpr int kPitch = kTile + 4;  // stores along k and outer hit different banks
  struct alignas(16) Slice {                // for vector loads
    float line[kDepth][kPitch];             // [k, outer]
  };

  // They lie kStep apart along the axis that is not contiguous; neighbouring lanes carry
  // neighbouring addresses.
  static constexpr int kLine = kContiguousK ? kDepth : kTile;  // elements along the contiguous axis
  static constexpr int kStep = kThreads / kLine;

  int k, outer;  // of the first of them, in the slice
  float held[kCarried];

  __device__ explicit SliceLoader(int thread)
      : k(kContiguousK ? thread % kLine : thread / kLine),
        outer(kContiguousK ? thread / kLine : thread % kLine) {}

  __device__ int k_of(int r) const { return kContiguousK ? k : k + r * kStep; }
  __device__ int outer_of(int r) const { return kContiguousK ? outer + r * kStep : outer; }

  // The slice that begins at (outer_begin, k_begin); elements outside the matrix are zeros, which
  // add nothing.
  __device__ void fetch(const Operand& m, int64_t outer_begin, int64_t k_begin, int64_t k_extent) {
    const int outer_left = at_most(m.outer_extent - outer_begin, kTile);
    const int k_left = at_most(k_extent - k_begin, kDepth);
    const float* from =
        m.data + (outer_begin + outer) * m.outer_stride + (k_begin + k) * m.k_stride;
    const int64_t step = kStep * (kContiguousK ? m.outer_stride : m.k_stride);
#pragma unroll
    for (int r = 0; r < kCarried; ++r) {
      const bool inside = outer_of(r) < outer_left && k_of(r) < k_left;
      held[r] = inside ? from[r * step] : 0.0f;
    }
  }
  __device__ void store(Slice& slice) const {
#pragma unroll
    for (int r = 0; r < kCarried; ++r) slice.line[k_of(r)][outer_of(r)] = held[r];
  }

 private:
  __device__ static int at_most(int64_t left, int most) {
    return static_cast<int>(left < most ? left : most);
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
    const Floats<V> vector = load<V>(outer_line, thread_along_side + g * kSide);
#pragma unroll
    for (int v = 0; v < V; ++v) out[g * V + v] = vector.lane[v];
  }
}

// acc[r][c] += sum over the slice's k of a[k, row r] * b[k, column c].
template <int R, class SliceA, class SliceB>
__device__ void multiply_slice(const SliceA& a, const SliceB& b, int ty, int tx,
                               float (&acc)[R][R]) {
#pragma unroll
  for (int k = 0; k < kDepth; ++k) {
    float a_own[R], b_own[R];
    read_owned<R>(a.line[k], ty, a_own);
    read_owned<R>(b.line[k], tx, b_own);
#pragma unroll
    for (int r = 0; r < R; ++r) {
#pragma unroll
      for (int c = 0; c < R; ++c) acc[r][c] = fmaf(a_own[r], b_own[c], acc[r][c]);
    }
  }
}

}  // namespace voluta::linear
