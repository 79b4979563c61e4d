#pragma once

// Transposed matrices: a 32 x 32 tile goes through shared memory, so that both reads and writes walk
// along memory; its rows are 33 words long, of 16 bits 17, so that the column that a warp reads lies in
// 32 different banks.
//   to[matrix, column, row] = from[matrix, row, column]
//   grid   (tiles, at most 2^16)     block 32 x 8     smem 4.1 KiB, of 16 bits 2.1
//          tiles = matrices * ceil(rows/32) * ceil(columns/32)
//   maps   read:  thread (i, j) takes column i of tile rows j, j+8, j+16, j+24
//          write: thread (i, j) gives row i of tile columns j, j+8, j+16, j+24

#include <voluta/core/device/launch.cuh>

#include <algorithm>

namespace voluta {

// Elements from one matrix, and from one of its rows, to the next.
struct MatrixStrides {
  int64_t matrix, row;
};

// `from` has matrices of rows x columns, `to` of columns x rows.
struct Transposition {
  int64_t matrices;
  int rows, columns;
  MatrixStrides from, to;
};

inline constexpr int kTransposeTile = 32, kTransposeBlockRows = 8;

// The elements' bits alone.
template <class Bits>
__global__ void tiled_transpose(const Bits* from, Bits* to, const Transposition t, int64_t tiles) {
  constexpr int kPad = static_cast<int>(sizeof(uint32_t) / sizeof(Bits));
  VOLUTA_SHARED(Bits[kTransposeTile][kTransposeTile + kPad], tile);  // [row, column], padded
  const int i = static_cast<int>(threadIdx.x), j = static_cast<int>(threadIdx.y);
  const int tiles_across = (t.columns + kTransposeTile - 1) / kTransposeTile;
  const int tiles_down = (t.rows + kTransposeTile - 1) / kTransposeTile;

  for (int64_t index = blockIdx.x; index < tiles; index += gridDim.x) {
    const int left = static_cast<int>(index % tiles_across) * kTransposeTile;
    const int top = static_cast<int>(index / tiles_across % tiles_down) * kTransposeTile;
    const int64_t matrix = index / tiles_across / tiles_down;
    for (int k = j; k < kTransposeTile; k += kTransposeBlockRows) {
      const int row = top + k, column = left + i;
      if (row < t.rows && column < t.columns) {
        tile[k][i] = from[matrix * t.from.matrix + row * t.from.row + column];
      }
    }
    __syncthreads();
    for (int k = j; k < kTransposeTile; k += kTransposeBlockRows) {
      const int row = top + i, column = left + k;
      if (row < t.rows && column < t.columns) {
        to[matrix * t.to.matrix + column * t.to.row + row] = tile[i][k];
      }
    }
    __syncthreads();  // the next round overwrites the tile
  }
}

template <class Bits>
void launch_transpose(Stream& stream, const char* name, const Bits* from, Bits* to,
                      const Transposition& t) {
  constexpr int64_t kMaxBlocks = 1 << 16;  // further tiles by a grid-stride loop
  const int64_t tiles =
      t.matrices * blocks_for(t.rows, kTransposeTile) * blocks_for(t.columns, kTransposeTile);
  launch(stream, name,
         {.grid = {static_cast<unsigned>(std::min(tiles, kMaxBlocks)), 1, 1},
          .block = {kTransposeTile, kTransposeBlockRows, 1}},
         tiled_transpose<Bits>, from, to, t, tiles);
}

}  // namespace voluta
