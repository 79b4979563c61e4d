#pragma once

// What the three "implicit_gemm_mma" kernels of this room share: the convolution as a matrix
// product on tensor cores (kernels/common/mma_product.cuh) whose operands are gathered while tiles
// are loaded, in 16-byte copies where each group's channels come in whole chunks.

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/common/mma_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_geometry.h>
#include <voluta/kernels/common/elementwise.cuh>
#include <voluta/kernels/common/mma_product.cuh>
#include <voluta/kernels/conv2d/conv2d_prologue.cuh>

namespace voluta::implicit_gemm_mma {

using mma_product::choose_tile;
using mma_product::half_engine;
using mma_product::kChunk;
using mma_product::kTileDepth;
using mma_product::launch_product;
using mma_product::tf32_engine;
using mma_product::TileSize;

// Which tile a block computes, and how far its sum goes.
struct Tile {
  int first_row, rows, first_column, columns;  // of one group
  int depth_begin, depth_end;
  int group, part;  // part: a split of the depth, or a phase of the stride
};

struct Grid {
  int row_tiles, column_tiles, groups, parts;

  int64_t blocks() const { return int64_t{row_tiles} * column_tiles * groups * parts; }

  // Of a block: column tiles side by side, so that neighbours share rows of A in the L2 cache.
  template <int kRows, int kColumns>
  __device__ Tile tile(int block) const {
    Tile tile = {};
    tile.first_column = block % column_tiles * kColumns;
    block /= column_tiles;
    tile.first_row = block % row_tiles * kRows;
    block /= row_tiles;
    tile.group = block % groups;
    tile.part = block / groups;
    return tile;
  }
};

inline Grid make_grid(TileSize tile, int64_t rows, int64_t columns, int64_t groups, int64_t parts) {
  return {static_cast<int>(blocks_for(rows, tile.rows)),
          static_cast<int>(blocks_for(columns, tile.columns)), static_cast<int>(groups),
          static_cast<int>(parts)};
}

// Whether channels of a tensor come in whole chunks.
template <class T>
bool whole_chunks(int64_t channels) {
  return channels % kChunk<T> == 0;
}

// The limits of indices, whatever the type.
inline Support within_limits(const Problem& problem) {
  const Support support = supports_conv2d_indices(problem);
  return support.ok ? supports_conv2d_product(problem) : support;
}

// Those of the engines that take a prologue. A wider window would normalise each pixel once a tap, at a
// cost that the tensor cores would wait for.
inline Support within_limits_of_pixels(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  if (conv2d_normaliser(problem) != 0 && g.r * g.s > 1) {
    return Support::no("a prologue in front of filters of one pixel only");
  }
  return with_prologue<within_limits>(problem);
}

}  // namespace voluta::implicit_gemm_mma
