#pragma once

// What the kernels of F(2x2,3x3) share: a stage of transformed operands in shared memory, and the 16 products
// of matrices, one a position of the tile, that a block adds up in registers.
//   sums[position][line, filter] += sum_depth v[position][depth][line] * u[position][depth][filter]
//   block  256 threads: 16 positions x 32 lines x 64 filters; depth 8 a stage
//   maps   warp w has positions 2w and 2w+1, of each 32 x 64 sums. Its lane (i,j), 4 x 8 of them, owns 8 x 8:
//          lines 4i.., 16+4i.., filters 4j.., 32+4j..:
//                  filters 0       32      63
//             lines  0  | (i,j) : (i,j) |
//                   16  | (i,j) : (i,j) |
//   smem   2 stages x (16 + 32) KiB
// Forward and in the input gradient a line is a tile of outputs and the depth are channels; in the filter
// gradient a line is a channel and the depth are tiles.
// Source: Yan, Wang and Chu 2020, "Optimizing batched Winograd convolution on GPUs" (the blocking).

#include <voluta/kernels/conv2d/conv2d_implicit_gemm.cuh>
#include <voluta/kernels/conv2d/conv2d_winograd.cuh>

namespace voluta::winograd {

constexpr int kThreads = 256;
constexpr int kLines = 32, kFilters = 64, kDepth = 8, kPositions = 16;
constexpr int kFilterStage = kPositions * kDepth * kFilters;  // floats
constexpr int kLineStage = kPositions * kDepth * kLines;
constexpr int kRound = 32;  // filters whose positions meet at a time
constexpr std::size_t kSharedBytes = 2 * (kFilterStage + kLineStage) * sizeof(float);
static_assert(kPositions * kLines * kRound * sizeof(float) <= kSharedBytes);

__device__ inline void load_quad(const float* shared, float* registers) {
  const float4 quad = *reinterpret_cast<const float4*>(shared);
  registers[0] = quad.x;
  registers[1] = quad.y;
  registers[2] = quad.z;
  registers[3] = quad.w;
}

// The sums of a lane: for 2 positions, 8 lines x 8 filters.
struct Sums {
  float of[2][8][8];

  __device__ static int warp() { return static_cast<int>(threadIdx.x) / 32; }
  __device__ static int line() { return static_cast<int>(threadIdx.x) % 32 / 8 * 4; }
  __device__ static int filter() { return static_cast<int>(threadIdx.x) % 8 * 4; }

  // place(depth, half, line): where line `line` < 16 of the first or second half lies in a position of v.
  template <class Place>
  __device__ void add(const float* u, const float* v, Place place) {
#pragma unroll
    for (int depth = 0; depth < kDepth; ++depth) {
#pragma unroll
      for (int position = 0; position < 2; ++position) {
        const int matrix = (2 * warp() + position) * kDepth;
        float lines[8], filters[8];
        load_quad(v + matrix * kLines + place(depth, 0, line()), lines);
        load_quad(v + matrix * kLines + place(depth, 1, line()), lines + 4);
        load_quad(u + (matrix + depth) * kFilters + filter(), filters);
        load_quad(u + (matrix + depth) * kFilters + 32 + filter(), filters + 4);
#pragma unroll
        for (int i = 0; i < 8; ++i) {
#pragma unroll
          for (int j = 0; j < 8; ++j) {
            of[position][i][j] = fmaf(lines[i], filters[j], of[position][i][j]);
          }
        }
      }
    }
  }
};

// Note [When F(2x2) pays]
// Counted as conv2d_split_k.h counts, in the same unit: a step of depth 8 is 2048 cycles of multiply-adds, and
// transforming what it loads takes another 250. Compared with are the tiles of "implicit_gemm" and its splits; a
// saving of less than a launch is none. Not counted is that a batch norm reads y once more for its moments, and
// the gradient of one dx and z for its sums, as this engine writes neither: with 64 channels a tenth and a fifth
// of what is saved.
constexpr double kStepCycles = 2300;
constexpr double kWorthwhile = 1.1;  // rates are guesses

// What the kernels multiply: of each tile of 32 lines x 64 filters `results` a line and filter are stored.
struct Count {
  int64_t lines, filters, depth;
  int results;
  int64_t splits;
  double more_bytes;  // that another kernel moves
};

// `plain`: the cycles of "implicit_gemm".
inline bool pays(const Count& count, double plain) {
  const split_k::Product product = {.rows = count.lines * count.results,
                                    .columns = count.filters,
                                    .count = 1,
                                    .steps = blocks_for(count.depth, kDepth)};
  const split_k::TileCost tile = {{kLines * count.results, kFilters}, kStepCycles};
  const double cycles = split_k::cycles(product, tile, count.splits) +
                        (count.more_bytes > 0 ? split_k::kernel_cycles(count.more_bytes) : 0);
  return cycles * kWorthwhile < plain && cycles + split_k::kernel_cycles(0) < plain;
}

}  // namespace voluta::winograd
