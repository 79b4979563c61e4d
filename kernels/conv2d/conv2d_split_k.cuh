#pragma once

// The second kernel of split-K (conv2d_split_k.h): adds the parts of each output in the order of their
// number and finishes the sums as the kernels do that have the whole depth, with the epilogue, moments or
// sums. A function of the problem alone; two runs agree bit for bit.
//   parts  f32 [splits, rows, columns], laid out as the outputs
//   tile   128 rows x 8 columns, 32 bytes of a part     grid a block a tile     block 256
//   smem   544 bytes
//
//             8 columns
//           +----------+
//   rows  0 | t = 0..7 |    thread t has rows t / 8 + 32 i of column t % 8, i < 4: its loads of four parts
//         1 | t = 8..  |    are under way at once, and parts are read in whole sectors
//
// `Outputs` is the part of a View (kernels/common/product_view.cuh) that says where outputs go and what
// is written with them, of tiles of all channels at once.

#include <voluta/kernels/common/column_sums.cuh>
#include <voluta/kernels/common/elementwise.cuh>
#include <voluta/kernels/common/product_view.cuh>
#include <voluta/kernels/conv2d/conv2d_product_grid.cuh>

namespace voluta::split_k {

constexpr int kFinishThreads = 256, kFinishRows = 128, kFinishColumns = 8;
constexpr int kRowsApart = kFinishThreads / kFinishColumns, kThreadRows = kFinishRows / kRowsApart;

// What a thread holds, as columns for write_column_moments() and write_column_sums().
struct FinishedColumn {
  static constexpr int kSlots = 1;

  const float (&values)[kThreadRows];
  int rows, part;

  __device__ FinishedColumn(const float (&held)[kThreadRows], int tile_rows)
      : values(held), rows(tile_rows), part(static_cast<int>(threadIdx.x) / 32) {}

  __device__ static int column(int) { return static_cast<int>(threadIdx.x) % kFinishColumns; }
  __device__ static int row(int i) {
    return static_cast<int>(threadIdx.x) / kFinishColumns + i * kRowsApart;
  }

  template <class G>
  __device__ float sum(int, G g) const {
    float sum = 0;
#pragma unroll
    for (int i = 0; i < kThreadRows; ++i) {
      if (row(i) < rows) sum += g(values[i]);
    }
    return sum;
  }

  template <class F>
  __device__ static void combine(float (&sums)[kSlots], F f) {
#pragma unroll
    for (int lane = kFinishColumns; lane < 32; lane *= 2) {
      sums[0] += __shfl_xor_sync(kWholeWarp, sums[0], lane);
    }
    if (static_cast<int>(threadIdx.x) % 32 < kFinishColumns) f(column(0), sums[0]);
  }
};

struct Parts {
  const float* first;
  int splits, rows, columns;
  int column_tiles;

  __device__ implicit_gemm::Tile tile(int block) const {
    implicit_gemm::Tile tile = {};
    tile.first_row = block / column_tiles * kFinishRows;
    tile.rows = rows;
    tile.first_column = block % column_tiles * kFinishColumns;
    tile.columns = columns;
    return tile;
  }
  // Adds the parts of this thread's rows and column of a tile, the rows of kHeld parts under way at once.
  __device__ void add_to(float (&sums)[kThreadRows], int first_row, int column) const {
    constexpr int kHeld = 4;
    const int64_t elements = int64_t{rows} * columns, apart = int64_t{kRowsApart} * columns;
    const int row = first_row + FinishedColumn::row(0);
    const float* from = first + int64_t{row} * columns + column;
    for (int split = 0; split < splits; split += kHeld) {
      float held[kHeld][kThreadRows] = {};
#pragma unroll
      for (int s = 0; s < kHeld; ++s, from += elements) {
#pragma unroll
        for (int i = 0; i < kThreadRows; ++i) {
          if (split + s < splits && row + i * kRowsApart < rows) held[s][i] = from[i * apart];
        }
      }
#pragma unroll
      for (int s = 0; s < kHeld; ++s) {
#pragma unroll
        for (int i = 0; i < kThreadRows; ++i) sums[i] += held[s][i];
      }
    }
  }
};

template <class Outputs>
__device__ float finish(const Outputs& outputs, const implicit_gemm::Tile& tile, int row,
                        int column, float sum) {
  const auto* z = outputs.residual(tile, row);
  const float added = z == nullptr ? 0.0f : static_cast<float>(load_read_only(z + column));
  sum = finish_sum(outputs, tile, column, sum, added);
  if constexpr (HasGate<Outputs>) {
    const auto* x = outputs.kept(tile, row);
    if (x != nullptr) sum = outputs.gate(static_cast<float>(load_read_only(x + column)), sum);
  }
  return sum;
}

// `sums` are those of a batch norm in front (column_sums.cuh).
template <class Outputs>
__device__ void write_sums(const Outputs& outputs, const implicit_gemm::Tile& tile,
                           const FinishedColumn& own,
                           MomentScratch<kFinishThreads / 32, kFinishColumns>& scratch) {
  const MomentTarget target = outputs.sum_target(tile);
  const int column = tile.first_column + own.column(0);
  float sums[1] = {}, products[1] = {};
  if (column < tile.columns) {
    const auto channel = outputs.norm.channel(column);
#pragma unroll
    for (int i = 0; i < kThreadRows; ++i) {
      if (own.row(i) >= target.rows) continue;
      const auto* z = outputs.z(tile, tile.first_row + own.row(i)) + column;
      outputs.norm.add(channel, static_cast<float>(load_read_only(z)), own.values[i], sums[0],
                       products[0]);
    }
  }
  write_column_sums(scratch, own, sums, products, target, static_cast<int>(threadIdx.x),
                    kFinishThreads, [] { __syncthreads(); });
}

template <class Outputs>
__global__ void __launch_bounds__(kFinishThreads) finish_parts(Parts parts, Outputs outputs) {
  using Out = typename Outputs::Out;
  using Scratch = MomentScratch<kFinishThreads / 32, kFinishColumns>;
  VOLUTA_SHARED(Scratch, scratch);
  const implicit_gemm::Tile tile = parts.tile(static_cast<int>(blockIdx.x));
  float sums[kThreadRows] = {}, values[kThreadRows] = {};  // these as stored
  const int column = tile.first_column + FinishedColumn::column(0);
  if (column < tile.columns) parts.add_to(sums, tile.first_row, column);
#pragma unroll
  for (int i = 0; i < kThreadRows; ++i) {
    const int row = tile.first_row + FinishedColumn::row(i);
    if (row >= tile.rows || column >= tile.columns) continue;
    const Out stored = from_float<Out>(finish(outputs, tile, row, column, sums[i]));
    outputs.output(tile, row)[column] = stored;
    values[i] = to_float(stored);
  }
  if constexpr (HasMoments<Outputs>) {
    if (outputs.moments == nullptr) return;
    const MomentTarget target = outputs.moment_target(tile);
    write_column_moments(scratch, FinishedColumn(values, target.rows), target,
                         static_cast<int>(threadIdx.x), kFinishThreads, [] { __syncthreads(); });
  } else if constexpr (HasSums<Outputs>) {
    if (outputs.norm.z == nullptr) return;
    const MomentTarget target = outputs.sum_target(tile);
    write_sums(outputs, tile, FinishedColumn(values, target.rows), scratch);
  }
}

template <class Outputs>
void launch_finish_parts(Stream& stream, const char* name, const float* first, int splits,
                         int64_t rows, int64_t columns, const Outputs& outputs) {
  const unsigned column_tiles = blocks_for(columns, kFinishColumns);
  const Parts parts = {first, splits, static_cast<int>(rows), static_cast<int>(columns),
                       static_cast<int>(column_tiles)};
  launch(stream, name,
         {.grid = {column_tiles * blocks_for(rows, kFinishRows), 1, 1},
          .block = {kFinishThreads, 1, 1}},
         finish_parts<Outputs>, parts, outputs);
}

}  // namespace voluta::split_k
