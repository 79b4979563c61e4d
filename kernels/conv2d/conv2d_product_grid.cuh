#pragma once

// How the matrix products of a convolution fall into tiles, a block each: those of every group, phase of
// the stride (conv2d_phases.cuh) and split of the depth (conv2d_split_k.h).

#include <voluta/kernels/common/tile_size.h>
#include <voluta/kernels/conv2d/conv2d_split_k.h>
#include <voluta/core/device/launch.cuh>

#include <cstdint>

namespace voluta::implicit_gemm {

// Of depth, in elements: the kernels multiply 64 bytes at a time.
template <class T>
constexpr int kStep = 64 / static_cast<int>(sizeof(T));

// The same of a problem's type.
inline split_k::Steps steps_of(const Problem& problem) {
  return {64 / static_cast<int>(size_of(problem.inputs[0].dtype)), false};
}

// Which tile a block computes, and how far its sum goes.
struct Tile {
  int first_row, rows, first_column, columns;  // of one group
  int depth_begin, depth_end;
  int group, phase, split;
};

struct Grid {
  int row_tiles, column_tiles, groups, phases, splits;

  int64_t blocks() const { return int64_t{row_tiles} * column_tiles * groups * phases * splits; }

  // Of a block: column tiles side by side, so that neighbours share rows of A in the L2 cache.
  template <int kRows, int kColumns>
  __device__ Tile tile(int block) const {
    Tile tile = {};
    tile.first_column = block % column_tiles * kColumns;
    block /= column_tiles;
    tile.first_row = block % row_tiles * kRows;
    block /= row_tiles;
    tile.group = block % groups;
    block /= groups;
    tile.phase = block % phases;
    tile.split = block / phases;
    return tile;
  }

  // Cuts the tile's part out of `depth`, in whole steps of `step`.
  __device__ void cut_depth(Tile& tile, int depth, int step) const {
    tile.depth_end = depth;
    if (splits == 1) return;
    const int steps = (depth + step - 1) / step;
    tile.depth_begin = split_k::first_step(steps, tile.split, splits) * step;
    tile.depth_end = min(depth, split_k::first_step(steps, tile.split + 1, splits) * step);
  }
};

inline Grid make_grid(TileSize tile, int64_t rows, int64_t columns, int64_t groups,
                      int64_t phases = 1, int64_t splits = 1) {
  return {static_cast<int>(blocks_for(rows, tile.rows)),
          static_cast<int>(blocks_for(columns, tile.columns)), static_cast<int>(groups),
          static_cast<int>(phases), static_cast<int>(splits)};
}

// Whether channels of a tensor come in whole chunks of 16 bytes.
template <class T>
bool whole_chunks(int64_t channels) {
  return channels % (16 / static_cast<int>(sizeof(T))) == 0;
}

}  // namespace voluta::implicit_gemm
