#pragma once

// Tiles of a matrix product on tensor cores (mma.sync): how operands lie in shared memory, and how
// a warp multiplies them. T is BFloat16, Float16, or float for tf32.
//
// An operand is a set of lines (rows of A, columns of B) along the depth of the sum. A tile holds
// kLines of them over 64 bytes of depth (32 or 16 elements) in chunks of 16 bytes, laid out as the
// tensor lies in memory and swizzled, so that no access has a bank conflict (8 chunks = 32 banks):
//
//   depth fastest: rows are lines of 4 chunks        lines fastest: rows are depths, their chunks
//     chunk j of line i at j ^ (i / 2 % 4):          lines; chunk j of depth i at j ^ (i % 8),
//       banks  0   4   8  12  16  20  24  28         for tf32 at j ^ (2 * (i % 4)):
//       bytes 0-15 ...         64-79 ...               bytes 0-15 ...
//         |i0j0 i0j1 i0j2 i0j3 i1j0 i1j1 i1j2 i1j3|      |i0j0 i0j1 i0j2 i0j3 ...
//         |i2j1 i2j0 i2j3 i2j2 i3j1 i3j0 i3j3 i3j2|      |i1j1 i1j0 i1j3 i1j2 ...
//         |i4j2 i4j3 i4j0 i4j1 i5j2 i5j3 i5j0 i5j1|      |i2j2 i2j3 i2j0 i2j1 ...
//         |i6j3 i6j2 i6j1 i6j0 i7j3 i7j2 i7j1 i7j0|      |i3j3 i3j2 i3j1 i3j0 ...
//     ldmatrix reads chunk j of 8 lines: 8 places    ldmatrix.trans reads chunk j of 8 depths

#include <voluta/core/dtype.h>
#include <voluta/kernels/common/packed_pair.h>
#include <voluta/kernels/common/tensor_core.cuh>

#include <cstdint>
#include <type_traits>

namespace voluta::mma_product {

constexpr int kThreads = 128;  // of a block
constexpr int kChunkBytes = 16;
constexpr int kDepthBytes = 64;  // of a tile
constexpr int kStepBytes = 32;   // of one mma: two halves of a chunk each

template <class T>
constexpr int kChunk = kChunkBytes / static_cast<int>(sizeof(T));  // elements
template <class T>
constexpr int kTileDepth = kDepthBytes / static_cast<int>(sizeof(T));

// d += a * b on the tensor cores of a warp.
template <class T>
__device__ inline void multiply(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  if constexpr (std::is_same_v<T, BFloat16>) {
    mma_bf16(d, a, b);
  } else if constexpr (std::is_same_v<T, Float16>) {
    mma_f16(d, a, b);
  } else {
    mma_tf32(d, a, b);
  }
}

template <class T, int kLines, bool kDepthFastest_>
struct SharedTile {
  static constexpr bool kDepthFastest = kDepthFastest_;
  static constexpr int kRows = kDepthFastest ? kLines : kTileDepth<T>;
  static constexpr int kRowChunks = kLines * (kDepthBytes / kChunkBytes) / kRows;
  static constexpr int kBytes = kLines * kDepthBytes;

  // Offset of a chunk in bytes.
  __device__ static int place(int row, int chunk) {
    const int swizzle = kDepthFastest ? row / 2 % 4 : sizeof(T) == 2 ? row % 8 : row % 4 * 2;
    return (row * kRowChunks + (chunk ^ swizzle)) * kChunkBytes;
  }

  // The fragment of 16 lines x 32 bytes of depth: registers 0 and 2 hold line g of the first and
  // second half, 1 and 3 line g+8 (tensor_core.cuh). That is an operand A; for B, registers
  // {0,2} and {1,3} are the operands of two mma.
  __device__ static void load(const unsigned char* tile, int first_line, int step,
                              uint32_t (&registers)[4]) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    if constexpr (kDepthFastest) {
      load_matrices(registers, tile + place(first_line + lane % 16, step * 2 + lane / 16));
    } else if constexpr (sizeof(T) == 2) {
      const int depth = step * 16 + lane / 16 * 8 + lane % 8;
      load_matrices_transposed(registers, tile + place(depth, first_line / 8 + lane / 8 % 2));
    } else {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int line = first_line + i % 2 * 8 + lane / 4, depth = step * 8 + i / 2 * 4 + lane % 4;
        registers[i] =
            *reinterpret_cast<const uint32_t*>(tile + place(depth, line / 4) + line % 4 * 4);
      }
    }
    if constexpr (std::is_same_v<T, float>) {
#pragma unroll
      for (uint32_t& bits : registers) bits = round_to_tf32(bits);
    }
  }
};

// The outputs of one warp: kRows x kColumns, a lane holding what tensor_core.cuh calls d of each
// 16 x 8 of them.
template <class T, int kRows, int kColumns>
struct WarpProduct {
  static constexpr int kRowFragments = kRows / 16, kColumnFragments = kColumns / 8;

  float sum[kRowFragments][kColumnFragments][4];

  // Adds the product of two tiles; first_row and first_column are the warp's in them.
  template <class TileA, class TileB>
  __device__ void accumulate(const unsigned char* tile_a, const unsigned char* tile_b,
                             int first_row, int first_column) {
    // Without ldmatrix the addresses of a step fill the registers that are left.
    [[maybe_unused]] constexpr int kSteps =
        sizeof(T) == 4 && !(TileA::kDepthFastest && TileB::kDepthFastest) ? 1 : 2;
#pragma unroll(kSteps)
    for (int step = 0; step < kDepthBytes / kStepBytes; ++step) {
      uint32_t b[kColumns / 16][4];
#pragma unroll
      for (int j = 0; j < kColumns / 16; ++j) {
        TileB::load(tile_b, first_column + j * 16, step, b[j]);
      }
#pragma unroll
      for (int i = 0; i < kRowFragments; ++i) {
        uint32_t a[4];
        TileA::load(tile_a, first_row + i * 16, step, a);
#pragma unroll
        for (int j = 0; j < kColumnFragments; ++j) {
          const uint32_t half[2] = {b[j / 2][j % 2], b[j / 2][j % 2 + 2]};
          multiply<T>(sum[i][j], a, half);
        }
      }
    }
  }

  // The first of the two neighbouring columns of fragment j that this lane holds.
  __device__ static int column(int j) {
    return j * 8 + static_cast<int>(threadIdx.x) % 4 * 2;
  }

  // Calls f(row, first, second) for each pair of these, which it may change.
  template <class F>
  __device__ void for_each_row(int j, F f) {
    const int row = static_cast<int>(threadIdx.x) % 32 / 4;
#pragma unroll
    for (int i = 0; i < kRowFragments; ++i) {
      f(i * 16 + row, sum[i][j][0], sum[i][j][1]);
      f(i * 16 + row + 8, sum[i][j][2], sum[i][j][3]);
    }
  }

  // Calls f(row, column, first, second) for each pair of any fragment.
  template <class F>
  __device__ void for_each_pair(F f) {
#pragma unroll
    for (int j = 0; j < kColumnFragments; ++j) {
      for_each_row(j,
                   [&](int row, float& first, float& second) { f(row, column(j), first, second); });
    }
  }
};

// A tile of outputs on its way through shared memory, so that it leaves in rows of whole chunks.
// Swizzled for the pairs that lanes write: 8 rows x 4 pairs of 16 bits, 4 x 4 pairs of 32 bits. Of rows of
// 64 bytes two lie beside each other.
template <class Out, int kRows, int kColumns>
struct OutputTile {
  static constexpr int kRowChunks = kColumns / kChunk<Out>;
  static constexpr int kChunks = kRows * kRowChunks;
  static constexpr int kBytes = kChunks * kChunkBytes;
  static_assert(kRowChunks >= 8 || (kRowChunks == 4 && sizeof(Out) == 2));

  __device__ static int place(int row, int chunk) {
    const int swizzle = kRowChunks == 4 ? row / 2 % 4 : sizeof(Out) == 2 ? row % 8 : row % 4 * 2;
    return (row * kRowChunks + (chunk ^ swizzle)) * kChunkBytes;
  }

  // Where the outputs of a row at an even column and the one behind it lie.
  __device__ static unsigned char* pair_at(unsigned char* tile, int row, int column) {
    return tile + place(row, column / kChunk<Out>) +
           column % kChunk<Out> * static_cast<int>(sizeof(Out));
  }

  __device__ static void load_pair(unsigned char* tile, int row, int column, float (&pair)[2]) {
    voluta::load_pair<Out>(pair_at(tile, row, column), pair);
  }

  __device__ static void store_pair(unsigned char* tile, int row, int column, float first,
                                    float second) {
    voluta::store_pair<Out>(pair_at(tile, row, column), first, second);
  }
};

}  // namespace voluta::mma_product
