#pragma once

// Kernels over a matrix [rows, channels] in which a thread stays with its channels, whose statistics
// it keeps in registers, and walks down the rows. No index is ever divided by the channel count.
//
//   grid (tiles of columns, runs of rows)     block 256
//   width  groups of kWidth channels a block, 256 / width rows at a time
//            |  row 0: t0 .. t(width-1)  |  row 1: t(width) ..  |  ...
//          Neighbouring threads touch neighbours in memory; threads beyond whole rows are idle.

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta {

inline constexpr unsigned kTileBlock = 256;
inline constexpr unsigned kMostGroups = 32;  // a block

// How `channels` are cut; kWidth divides them.
struct ChannelTiles {
  unsigned groups;  // of kWidth channels
  unsigned width;   // of those a block: at most 32, evenly over the tiles
  unsigned tiles;

  ChannelTiles(int64_t channels, int kWidth, int64_t most = kMostGroups)
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

// Rows cut into `count` runs as long as each other, or shorter by a row: run i begins at row
// floor(rows * i / count), which is what whole rows a run come to and a small quotient that kernels
// multiply for. At most 2^15 runs.
struct RowRuns {
  unsigned count, each, rest;
  FastDivisor by_count;

  RowRuns(int64_t rows, unsigned runs)
      : count(runs),
        each(static_cast<unsigned>(rows / runs)),
        rest(static_cast<unsigned>(rows % runs)),
        by_count(std::max(runs, 2u)) {}  // of a single run nothing rests

  __device__ unsigned begin(unsigned run) const {
    // Known, lest the compiler write loops twice, with a division by 1 and without.
    if (by_count.divisor == 1) __builtin_unreachable();
    return each * run + static_cast<unsigned>(by_count.quotient(static_cast<int>(rest * run)));
  }
};

// take(run, first, second) for what blocks left of the thread's channel in partial [runs, 2, channels]:
// its row's run, then every rows_at_once, in their order. Pairs of eight runs are under way at once.
template <class Take>
__device__ inline void walk_runs(const float* partial, unsigned runs, unsigned channels,
                                 const TileThread& my, Take take) {
  constexpr unsigned kInFlight = 8;
  for (unsigned run = my.row; my.active && run < runs; run += kInFlight * my.rows_at_once) {
    float first[kInFlight], second[kInFlight];
#pragma unroll
    for (unsigned i = 0; i < kInFlight; ++i) {
      const unsigned one = run + i * my.rows_at_once, item = one * 2 * channels + my.group;
      first[i] = one < runs ? partial[item] : 0.0f;
      second[i] = one < runs ? partial[item + channels] : 0.0f;
    }
#pragma unroll
    for (unsigned i = 0; i < kInFlight; ++i) {
      const unsigned one = run + i * my.rows_at_once;
      if (one < runs) take(one, first[i], second[i]);
    }
  }
}

}  // namespace voluta
