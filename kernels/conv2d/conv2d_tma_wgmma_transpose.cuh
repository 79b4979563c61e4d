#pragma once

// How the "implicit_gemm_tma_wgmma" kernels multiply f32 operands that lie across the depth: wgmma
// transposes 16-bit types alone, so the warps that multiply first transpose a stage where it lies, while
// the tensor cores are busy with the stage before it. A copy has brought 32 depths, each a row of 32
// lines; a lane takes one line from all rows into registers and writes it back as a row.
//
//        lines 0 .. 31              depths 0 .. 31          read:  4 bytes a lane, a row at a time,
//   depth 0 |0 0 0 ...     line 0 |0 1 2 ...                       all banks
//   depth 1 |1 1 1 ...  -> line 1 |0 1 2 ...                write: 16 bytes a lane, chunk j of row i
//   depth 2 |2 2 2 ...     line 2 |0 1 2 ...                       at j ^ (i % 8): 8 lanes, all banks
//
// A block of 4 KiB takes 32 + 32 cycles of shared memory. A step of 128 x 256 has 12 of them, 768
// cycles beside the 1024 that the copies and the products take, and 1024 of arithmetic.

#include <voluta/kernels/common/tensor_copy.cuh>
#include <voluta/kernels/common/wgmma.cuh>

namespace voluta::tma_wgmma {

constexpr int kTransposedLines = 32;  // and depths, of a block
constexpr int kTransposedBytes = kTransposedLines * kSwizzledRowBytes;

// By a warp.
__device__ inline void transpose_block(unsigned char* block) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  auto chunk_at = [&](int row, int chunk) {
    return block + row * kSwizzledRowBytes + (chunk ^ (row % 8)) * 16;
  };
  auto word = [&](int depth) {
    return *reinterpret_cast<const uint32_t*>(chunk_at(depth, lane / 4) + lane % 4 * 4);
  };
  uint4 line[kTransposedLines / 4];
#pragma unroll
  for (int j = 0; j < kTransposedLines / 4; ++j) {
    line[j] = make_uint4(word(4 * j), word(4 * j + 1), word(4 * j + 2), word(4 * j + 3));
  }
  __syncwarp();
#pragma unroll
  for (int j = 0; j < kTransposedLines / 4; ++j) {
    *reinterpret_cast<uint4*>(chunk_at(lane, j)) = line[j];
  }
}

// `blocks` blocks that follow each other, shared out among `warps` warps; all of them call it, and
// wait for each other before they multiply.
__device__ inline void transpose_blocks(unsigned char* first, int blocks, int warps) {
  for (int i = static_cast<int>(threadIdx.x) / 32; i < blocks; i += warps) {
    transpose_block(first + i * kTransposedBytes);
  }
  fence_async_proxy();
}

}  // namespace voluta::tma_wgmma
