#pragma once

// A matrix product on the tensor cores of sm_80 and later, of what a View says (product_view.cuh).
//   out[row, column] = sum_depth A[row, depth] * B[depth, column]     for each group, in f32
//   grid   a block an output tile (of a split of the depth), flattened     block 128
//   smem   4 stages x (rows + columns) x 64 bytes: 64, 48, 32 KiB for 128x128, 128x64, 64x64
//   maps   2 x 2 warps, each a quarter of the tile (64 x 64, 64 x 32, 32 x 32 outputs):
//                   columns
//             rows | warp 0 : warp 1 |
//                  | warp 2 : warp 3 |
// A ring of four stages: while one is multiplied, the next two are under way, and the fourth, which
// was read last, is filled again.
//
//       step     i          i+1        i+2        i+3
//       stage i%4 |multiply |  free: filled with i+4's tile after the barrier of step i+1
//
// The order of additions is a function of the problem alone. Operands, outputs and what comes with them:
// product_view.cuh; how outputs leave: mma_outputs.cuh.

#include <voluta/kernels/common/tile_size.h>
#include <voluta/kernels/common/mma_loader.cuh>
#include <voluta/kernels/common/mma_outputs.cuh>

namespace voluta::mma_product {

constexpr int kStages = 4;  // a power of two

template <int kRows_, int kColumns_, bool kVector_>
struct TileShape {
  static constexpr int kRows = kRows_, kColumns = kColumns_;
  static constexpr bool kVector = kVector_;
  static constexpr int kWarpRows = kRows / 2, kWarpColumns = kColumns / 2;
  static constexpr int kStageBytes = (kRows + kColumns) * kDepthBytes;
  static constexpr int kSharedBytes = kStages * kStageBytes;
  // An SM: what the registers leave room for, without a spill.
  static constexpr int kMinBlocks = kRows == 64 ? 3 : 2;
};

template <class View, class Shape>
__global__ void __launch_bounds__(kThreads, Shape::kMinBlocks) multiply_tiles(View view) {
  using T = typename View::Element;
  using LoaderA = Loader<View, typename View::A, Shape::kRows, Shape::kVector>;
  using LoaderB = Loader<View, typename View::B, Shape::kColumns, Shape::kVector>;
  VOLUTA_DYNAMIC_SHARED(unsigned char, shared);  // [kStages] of A's tile, B's tile

  const auto place =
      view.template place<Shape::kRows, Shape::kColumns>(static_cast<int>(blockIdx.x));
  if (place.first_row >= place.rows) return;
  LoaderA a(view, place, place.first_row, place.rows);
  LoaderB b(view, place, place.first_column, place.columns);
  const int steps = (place.depth_end - place.depth_begin + kTileDepth<T> - 1) / kTileDepth<T>;
  auto tile_a = [&](int step) { return shared + step % kStages * Shape::kStageBytes; };
  auto tile_b = [&](int step) { return tile_a(step) + LoaderA::Tile::kBytes; };
  auto fetch = [&](int step) {
    const int first_depth = place.depth_begin + step * kTileDepth<T>;
    a.fetch(view, place, tile_a(step), first_depth);
    b.fetch(view, place, tile_b(step), first_depth);
  };
  auto finish = [&](int step) {
    a.finish(view, tile_a(step));
    b.finish(view, tile_b(step));
  };

  for (int step = 0; step < kStages - 1; ++step) {
    if (step < steps) {
      fetch(step);
      finish(step);
    }
    commit_copies();
  }
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int warp_row = warp / 2 * Shape::kWarpRows, warp_column = warp % 2 * Shape::kWarpColumns;
  WarpProduct<T, Shape::kWarpRows, Shape::kWarpColumns> product = {};
  for (int step = 0; step < steps; ++step) {
    wait_copies<kStages - 2>();
    __syncthreads();  // this tile is whole, and nobody reads the one before it any more
    const int next = step + kStages - 1;
    if (next < steps) fetch(next);
    commit_copies();
    product.template accumulate<typename LoaderA::Tile, typename LoaderB::Tile>(
        tile_a(step), tile_b(step), warp_row, warp_column);
    if (next < steps) finish(next);
  }
  wait_copies<0>();
  __syncthreads();

  finish_tile<View, Shape>(view, place, product, shared);
}

// The largest tile that leaves `products` products of rows x columns enough tiles to give each
// multiprocessor of a large GPU one; `split`: the depth is split to that end, so size comes first.
inline TileSize choose_tile(int64_t rows, int64_t columns, int64_t products, bool vector,
                            bool split) {
  constexpr int64_t kMultiprocessors = 128;
  auto suits = [&](TileSize tile) {
    if (tile.columns > 64 && (!vector || columns <= 64)) return false;
    const int64_t row_tiles = blocks_for(rows, tile.rows);
    const int64_t column_tiles = blocks_for(columns, tile.columns);
    return split ? rows > 64 : row_tiles * column_tiles * products >= kMultiprocessors;
  };
  for (const TileSize tile : {TileSize{128, 128}, TileSize{128, 64}}) {
    if (suits(tile)) return tile;
  }
  return {64, 64};
}

// Whether a View normalises an operand: what waits for it takes the registers of 128 columns.
template <class View>
constexpr bool kNormalises = IsNormalised<typename View::A> || IsNormalised<typename View::B>;

// Starts `blocks` blocks; with `vector`, every chunk of an operand is 16 aligned bytes.
template <class View>
void launch_product(Stream& stream, const char* name, const View& view, TileSize tile, bool vector,
                    int64_t blocks) {
  auto start = [&]<int kRows, int kColumns, bool kVector>() {
    using Shape = TileShape<kRows, kColumns, kVector>;
    launch(stream, name,
           {.grid = {static_cast<unsigned>(blocks), 1, 1},
            .block = {kThreads, 1, 1},
            .shared_bytes = Shape::kSharedBytes},
           multiply_tiles<View, Shape>, view);
  };
  if (!vector) {
    if (tile.rows == 128) return start.template operator()<128, 64, false>();
    return start.template operator()<64, 64, false>();
  }
  if constexpr (!kNormalises<View>) {
    if (tile.columns == 128) return start.template operator()<128, 128, true>();
  }
  if (tile.rows == 128) return start.template operator()<128, 64, true>();
  start.template operator()<64, 64, true>();
}

}  // namespace voluta::mma_product
