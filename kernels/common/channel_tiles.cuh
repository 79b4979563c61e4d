#pragma once

// Kernels over a matrix [rows, channels] in which a thread stays with its channels, whose statistics
// it keeps in registers, and walks down the rows. No index is ever divided by the channel count.
//
//   grid (tiles of columns, runs of rows)     block 256
//   width  groups of kWidth channels a block, 256 / width rows at a time
//            |  row 0: t0 .. t(width-1)  |  row 1: t(width) ..  |  ...
//          Neighbouring threads touch neighbours in memory; threads beyond whole rows are idle.

#include <voluta/kernels/common/elementwise.cuh>

namespace voluta {

inline constexpr unsigned kTileBlock = 256;

// How `channels` are cut; kWidth divides them.
struct ChannelTiles {
  unsigned groups;  // of kWidth channels
  unsigned width;   // of those a block: at most 32, evenly over the tiles
  unsigned tiles;

  ChannelTiles(int64_t channels, int kWidth, int64_t most = 32)
      : groups(static_cast<unsigned>(channels / kWidth)),
        width(0),
        tiles(blocks_for(groups, most)) {
    width = blocks_for(groups, tiles);
  }
  unsigned rows_at_once() const { return kTileBlock / width; }

  // Runs of at least `rows_a_thread` rows a thread where there are as many, and at most
  // `most_blocks` blocks in all.
  LaunchShape shape(int64_t rows, int64_t rows_a_thread, int64_t most_blocks) const {
    const int64_t most = std::clamp<int64_t>(most_blocks / tiles, 1, 65535);
    const int64_t runs = std::clamp<int64_t>(rows / (rows_a_thread * rows_at_once()), 1, most);
    return {.grid = {tiles, static_cast<unsigned>(runs), 1}, .block = {kTileBlock, 1, 1}};
  }
};

// The largest number of runs, over kWidth 1, 4 and 8: types and addresses decide which is taken.
inline int64_t most_runs(int64_t rows, int64_t channels, int64_t rows_a_thread,
                         int64_t most_blocks) {
  const auto runs = [&](int width) -> int64_t {
    return ChannelTiles(channels, width).shape(rows, rows_a_thread, most_blocks).grid[1];
  };
  int64_t most = runs(1);
  for (const int width : {4, 8}) {
    if (channels % width == 0) most = std::max(most, runs(width));
  }
  return most;
}

// The calling thread's place: its group of channels, and its row among the block's.
struct TileThread {
  unsigned group, row, rows_at_once;
  bool active;

  __device__ TileThread(unsigned groups, unsigned width)
      : group(blockIdx.x * width + threadIdx.x % width),
        row(threadIdx.x / width),
        rows_at_once(blockDim.x / width),
        active(row < rows_at_once && group < groups) {}
};

// First row of run `run` of `runs`.
__device__ inline int64_t run_begin(int64_t rows, unsigned run, unsigned runs) {
  return rows * run / runs;
}

}  // namespace voluta
