#pragma once

// The tiled f32 matrix product that the three "implicit_gemm" kernels of this room share:
// "implicit" because the matrices A and B are never stored; a View says how to read their elements
// from the tensors of a convolution.
//   out[row, column] = sum_depth A[row, depth] * B[depth, column]     for each group
//   grid   (column tiles, row tiles, groups, splits of the depth; flattened)      block 256
//   smem   2 stages x (16 x (128 + 4) + 16 x (kColumns + 4)) x 4 bytes: 33 KiB for 128 columns
//   maps   128 columns: 16 x 16 threads; thread (i,j) owns the 8 x 8 outputs where its rows
//          4i..4i+3, 64+4i..64+4i+3 cross its columns 4j..4j+3, 64+4j..64+4j+3:
//                  columns 0       64      127
//              rows 0   | (i,j) : (i,j) |    A warp reads 2 x 16 bytes of A (broadcast) and
//                  64   | (i,j) : (i,j) |    16 x 16 bytes of B: free of bank conflicts.
//          64 columns: 8 x 4 outputs a thread;  32 columns: 32 x 8 threads, 4 x 4 outputs each
// While a stage is multiplied, the next one travels from global memory through registers. The order
// of additions depends on the problem alone, never on the device: two runs agree bit for bit.
//
// A View has
//   int rows, columns, depth (of one group), row_tiles, column_tiles, groups, depth_per_split;
//   Depth decode(int depth)              what a depth index means, e.g. a tap (r, s, c)
//   struct A, B: kDepthFastest           whether neighbours in depth are neighbours in memory
//     Line line(view, group, index)      a row of A or a column of B, decoded once per tile
//     float load(view, line, depth)      an element, 0 on padding
//   void store(split, group, row, column, value)
// and, where it can write the moments of its outputs (column_moments.cuh),
//   float finish(group, row, column, sum)  what is stored
//   float* moments; MomentTarget moment_target(group, first_row, first_column)
// or, where it can write sums for a batch norm in front (column_sums.cuh),
//   NormInFront norm; MomentTarget sum_target(group, first_row, first_column)
//   int channel(group, column); int place(group, row, column)     which channel, element of the output

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/conv2d/conv2d_geometry.h>
#include <voluta/core/device/launch.cuh>
#include <voluta/kernels/common/column_sums.cuh>
#include <voluta/kernels/conv2d/conv2d_prologue.cuh>

#include <algorithm>

namespace voluta::implicit_gemm {

constexpr int kThreads = 256;
constexpr int kTileRows = 128;
constexpr int kTileDepth = 16;
constexpr int kPad = 4;  // floats a shared row: keeps float4 alignment, spreads transposed stores

template <class View>
concept HasMoments = requires(const View& view) {
  view.moment_target(0, 0, 0);
};

template <class View>
concept HasSums = requires(const View& view) {
  view.sum_target(0, 0, 0);
};

// How a product of rows x columns x depth is cut into blocks.
struct Grid {
  int rows, columns, depth;  // of one group
  int row_tiles, column_tiles, groups;
  int splits, depth_per_split;
};

// The number of columns a tile has for a product of so many columns: no wider than needed.
inline int tile_columns(int64_t columns) {
  return columns > 64 ? 128 : columns > 32 ? 64 : 32;
}

inline Grid make_grid(int64_t rows, int64_t columns, int64_t depth, int64_t groups,
                      int64_t splits = 1) {
  const int64_t per_split = ((depth + splits - 1) / splits + kTileDepth - 1) / kTileDepth;
  Grid grid;
  grid.rows = static_cast<int>(rows);
  grid.columns = static_cast<int>(columns);
  grid.depth = static_cast<int>(depth);
  grid.row_tiles = static_cast<int>(blocks_for(rows, kTileRows));
  grid.column_tiles = static_cast<int>(blocks_for(columns, tile_columns(columns)));
  grid.groups = static_cast<int>(groups);
  grid.depth_per_split = static_cast<int>(per_split * kTileDepth);
  grid.splits = static_cast<int>(blocks_for(depth, grid.depth_per_split));
  return grid;
}

inline int64_t block_count(const Grid& grid) {
  return int64_t{grid.row_tiles} * grid.column_tiles * grid.groups * grid.splits;
}

// Which elements of a kLines x kTileDepth tile this thread moves. Neighbouring threads move what
// lies side by side in global memory.
template <int kLines, bool kDepthFastest>
struct TileMap {
  static constexpr int kLoads = kLines * kTileDepth / kThreads;
  static constexpr int kHeldLines = kDepthFastest ? kLoads : 1;  // distinct lines of a thread

  __device__ static int line(int i) {
    const int thread = static_cast<int>(threadIdx.x);
    return kDepthFastest ? thread / kTileDepth + i * (kThreads / kTileDepth) : thread % kLines;
  }
  __device__ static int depth(int i) {
    const int thread = static_cast<int>(threadIdx.x);
    return kDepthFastest ? thread % kTileDepth : thread / kLines + i * (kThreads / kLines);
  }
};

// One operand's way from global memory through registers to a shared tile.
template <class View, class Operand, int kLines>
class TileLoader {
  using Map = TileMap<kLines, Operand::kDepthFastest>;

 public:
  using Tile = float[kTileDepth][kLines + kPad];

  __device__ TileLoader(const View& view, int group, int first_line, int line_count) {
#pragma unroll
    for (int i = 0; i < Map::kHeldLines; ++i) {
      const int index = first_line + Map::line(i);
      valid_[i] = index < line_count;
      lines_[i] = Operand::line(view, group, valid_[i] ? index : 0);
    }
  }

  __device__ void fetch(const View& view, int first_depth, int depth_end) {
#pragma unroll
    for (int i = 0; i < Map::kLoads; ++i) {
      const int held = Operand::kDepthFastest ? i : 0, depth = first_depth + Map::depth(i);
      staged_[i] = valid_[held] && depth < depth_end
                       ? Operand::load(view, lines_[held], view.decode(depth))
                       : 0.0f;
    }
  }

  __device__ void store(Tile& tile) const {
#pragma unroll
    for (int i = 0; i < Map::kLoads; ++i) tile[Map::depth(i)][Map::line(i)] = staged_[i];
  }

 private:
  typename Operand::Line lines_[Map::kHeldLines];
  bool valid_[Map::kHeldLines];
  float staged_[Map::kLoads];
};

// The outputs of one thread: kQuadRows x kQuadColumns quads of 4 x 4.
template <int kColumns>
struct Outputs {
  static constexpr int kQuadRows = kColumns >= 64 ? 2 : 1;
  static constexpr int kQuadColumns = kColumns >= 128 ? 2 : 1;
  static constexpr int kThreadColumns = kColumns / (4 * kQuadColumns);
  static constexpr int kThreadRows = kThreads / kThreadColumns;
  static_assert(kThreadRows * 4 * kQuadRows == kTileRows);

  // Row and column in the tile of element i of this thread, i < 4 * kQuadRows or kQuadColumns.
  __device__ static int row(int i) {
    const int thread = static_cast<int>(threadIdx.x) / kThreadColumns;
    return i / 4 * (4 * kThreadRows) + thread * 4 + i % 4;
  }
  __device__ static int column(int i) {
    const int thread = static_cast<int>(threadIdx.x) % kThreadColumns;
    return i / 4 * (4 * kThreadColumns) + thread * 4 + i % 4;
  }

  float sum[4 * kQuadRows][4 * kQuadColumns];

  // Replaces each sum by f(row, column, sum), both in the tile.
  template <class F>
  __device__ void finish(F f) {
#pragma unroll
    for (int i = 0; i < 4 * kQuadRows; ++i) {
#pragma unroll
      for (int j = 0; j < 4 * kQuadColumns; ++j) sum[i][j] = f(row(i), column(j), sum[i][j]);
    }
  }

  // Adds the product of two shared tiles.
  template <class TileA, class TileB>
  __device__ void accumulate(const TileA& a, const TileB& b) {
#pragma unroll
    for (int depth = 0; depth < kTileDepth; ++depth) {
      float rows[4 * kQuadRows], columns[4 * kQuadColumns];
#pragma unroll
      for (int i = 0; i < 4 * kQuadRows; i += 4) load_quad(&a[depth][row(i)], &rows[i]);
#pragma unroll
      for (int j = 0; j < 4 * kQuadColumns; j += 4) load_quad(&b[depth][column(j)], &columns[j]);
#pragma unroll
      for (int i = 0; i < 4 * kQuadRows; ++i) {
#pragma unroll
        for (int j = 0; j < 4 * kQuadColumns; ++j) {
          sum[i][j] = fmaf(rows[i], columns[j], sum[i][j]);
        }
      }
    }
  }

 private:
  // 16 bytes of shared memory in one instruction.
  __device__ static void load_quad(const float* shared, float* registers) {
    const float4 quad = *reinterpret_cast<const float4*>(shared);
    registers[0] = quad.x;
    registers[1] = quad.y;
    registers[2] = quad.z;
    registers[3] = quad.w;
  }
};

// The same as columns for write_column_moments() and write_column_sums(), of whose rows the first
// `rows` exist.
template <int kColumns>
struct OutputColumns {
  using Held = Outputs<kColumns>;
  static constexpr int kSlots = 4 * Held::kQuadColumns;

  const Held& held;
  int rows, part;

  __device__ OutputColumns(const Held& outputs, int tile_rows)
      : held(outputs), rows(tile_rows), part(static_cast<int>(threadIdx.x) / 32) {}

  __device__ static int column(int slot) { return Held::column(slot); }

  template <class G>
  __device__ float sum(int slot, G g) const {
    float sum = 0;
#pragma unroll
    for (int i = 0; i < 4 * Held::kQuadRows; ++i) {
      if (Held::row(i) < rows) sum += g(held.sum[i][slot]);
    }
    return sum;
  }

  template <class G>
  __device__ void each(int slot, G g) const {
#pragma unroll
    for (int i = 0; i < 4 * Held::kQuadRows; ++i) {
      if (Held::row(i) < rows) g(Held::row(i), held.sum[i][slot]);
    }
  }

  // The rows of threads that a warp has above each other.
  template <class F>
  __device__ static void combine(float (&values)[kSlots], F f) {
#pragma unroll
    for (int slot = 0; slot < kSlots; ++slot) {
#pragma unroll
      for (int lane = Held::kThreadColumns; lane < 32; lane *= 2) {
        values[slot] += __shfl_xor_sync(kWholeWarp, values[slot], lane);
      }
      if (static_cast<int>(threadIdx.x) % 32 < Held::kThreadColumns) f(column(slot), values[slot]);
    }
  }
};

// Which tile a block computes.
struct BlockTile {
  int row_tile, column_tile, group, split;
};

__device__ inline BlockTile block_tile(const Grid& grid) {
  int rest = static_cast<int>(blockIdx.x);
  BlockTile tile;
  tile.column_tile = rest % grid.column_tiles;
  rest /= grid.column_tiles;
  tile.row_tile = rest % grid.row_tiles;
  rest /= grid.row_tiles;
  tile.group = rest % grid.groups;
  tile.split = rest / grid.groups;
  return tile;
}

// Writes a tile's sums for a batch norm in front, whose input is read where dx was stored.
template <class View, int kColumns>
__device__ void write_sums(const View& view, int group, int first_row, int first_column,
                           const Outputs<kColumns>& out,
                           MomentScratch<kThreads / 32, kColumns>& scratch) {
  const MomentTarget target = view.sum_target(group, first_row, first_column);
  const OutputColumns<kColumns> own(out, target.rows);
  float sums[own.kSlots] = {}, products[own.kSlots] = {};
#pragma unroll
  for (int slot = 0; slot < own.kSlots; ++slot) {
    const int column = first_column + own.column(slot);
    if (column >= view.grid.columns) continue;
    const auto channel = view.norm.channel(view.channel(group, column));
    own.each(slot, [&](int row, float dx) {
      const float z = view.norm.z_at(view.place(group, first_row + row, column));
      view.norm.add(channel, z, dx, sums[slot], products[slot]);
    });
  }
  write_column_sums(scratch, own, sums, products, target, static_cast<int>(threadIdx.x), kThreads,
                    [] { __syncthreads(); });
}

// An SM: what the registers leave room for, without a spill. Moments and sums take some.
template <class View, int kColumns>
constexpr int kMinBlocks = kColumns == 128                     ? 1
                           : kColumns == 64                    ? 2
                           : HasMoments<View> || HasSums<View> ? 2
                                                               : 3;

template <class View, int kColumns>
__global__ void __launch_bounds__(kThreads, kMinBlocks<View, kColumns>) multiply(View view) {
  using LoaderA = TileLoader<View, typename View::A, kTileRows>;
  using LoaderB = TileLoader<View, typename View::B, kColumns>;
  VOLUTA_SHARED(float[2][kTileDepth][kTileRows + kPad], tiles_a);
  VOLUTA_SHARED(float[2][kTileDepth][kColumns + kPad], tiles_b);

  const BlockTile block = block_tile(view.grid);
  const int first_row = block.row_tile * kTileRows, first_column = block.column_tile * kColumns;
  const int depth_begin = block.split * view.grid.depth_per_split;
  const int depth_end = min(depth_begin + view.grid.depth_per_split, view.grid.depth);

  LoaderA a(view, block.group, first_row, view.grid.rows);
  LoaderB b(view, block.group, first_column, view.grid.columns);
  Outputs<kColumns> out = {};
  a.fetch(view, depth_begin, depth_end);
  b.fetch(view, depth_begin, depth_end);
  a.store(tiles_a[0]);
  b.store(tiles_b[0]);
  __syncthreads();

  int stage = 0;
  for (int depth = depth_begin; depth < depth_end; depth += kTileDepth, stage ^= 1) {
    const bool more = depth + kTileDepth < depth_end;
    if (more) {
      a.fetch(view, depth + kTileDepth, depth_end);
      b.fetch(view, depth + kTileDepth, depth_end);
    }
    out.accumulate(tiles_a[stage], tiles_b[stage]);
    if (more) {  // the other stage was last read before the previous barrier
      a.store(tiles_a[stage ^ 1]);
      b.store(tiles_b[stage ^ 1]);
    }
    __syncthreads();
  }

  if constexpr (HasMoments<View>) {
    out.finish([&](int row, int column, float sum) {
      const bool exists =
          first_row + row < view.grid.rows && first_column + column < view.grid.columns;
      return exists ? view.finish(block.group, first_row + row, first_column + column, sum) : 0.0f;
    });
  }
#pragma unroll
  for (int i = 0; i < 4 * Outputs<kColumns>::kQuadRows; ++i) {
    const int row = first_row + Outputs<kColumns>::row(i);
    if (row >= view.grid.rows) continue;
#pragma unroll
    for (int j = 0; j < 4 * Outputs<kColumns>::kQuadColumns; ++j) {
      const int column = first_column + Outputs<kColumns>::column(j);
      if (column < view.grid.columns) {
        view.store(block.split, block.group, row, column, out.sum[i][j]);
      }
    }
  }
  if constexpr (HasMoments<View>) {
    if (view.moments == nullptr) return;
    using Scratch = MomentScratch<kThreads / 32, kColumns>;
    static_assert(sizeof(Scratch) <= sizeof(tiles_a));
    const MomentTarget target = view.moment_target(block.group, first_row, first_column);
    write_column_moments(*reinterpret_cast<Scratch*>(tiles_a),
                         OutputColumns<kColumns>(out, target.rows), target,
                         static_cast<int>(threadIdx.x), kThreads, [] { __syncthreads(); });
  } else if constexpr (HasSums<View>) {
    if (view.norm.z == nullptr) return;
    using Scratch = MomentScratch<kThreads / 32, kColumns>;
    static_assert(sizeof(Scratch) <= sizeof(tiles_a));
    write_sums(view, block.group, first_row, first_column, out,
               *reinterpret_cast<Scratch*>(tiles_a));
  }
}

template <class View>
void launch_multiply(Stream& stream, const char* name, const View& view) {
  const LaunchShape shape = {.grid = {static_cast<unsigned>(block_count(view.grid)), 1, 1},
                             .block = {kThreads, 1, 1}};
  switch (tile_columns(view.grid.columns)) {
    case 128:
      return launch(stream, name, shape, multiply<View, 128>, view);
    case 64:
      return launch(stream, name, shape, multiply<View, 64>, view);
    default:
      return launch(stream, name, shape, multiply<View, 32>, view);
  }
}

// The limits of the kernels of this room, and that the three extents of the product fit an int.
inline Support supports(const Problem& problem) {
  const Support support = supports_conv2d_kernel(problem);
  return support.ok ? supports_conv2d_product(problem) : support;
}

// Whether a problem has a prologue as a constant: f.operator()<kPrologue>().
template <class F>
Execution dispatch_prologue(const Problem& problem, F&& f) {
  return conv2d_normaliser(problem) == 0 ? f.template operator()<false>()
                                         : f.template operator()<true>();
}

}  // namespace voluta::implicit_gemm
