// flatten and unflatten, algorithm "tiled_transpose": a 32 x 32 tile goes through shared memory, so
// that both reads and writes walk along memory; its rows are 33 words long, of 16 bits 17, so that the
// column that a warp reads lies in 32 different banks.
//   y[n, column, row] = x[n, row, column]     flatten: rows H*W, columns C; unflatten: the reverse
//   grid   (tiles, at most 2^16)     block 32 x 8     smem 4.1 KiB, of 16 bits 2.1     regs 30 (sm_90a)
//          tiles = N * ceil(rows/32) * ceil(columns/32)
//   maps   read:  thread (i, j) takes column i of tile rows j, j+8, j+16, j+24
//          write: thread (i, j) gives row i of tile columns j, j+8, j+16, j+24
//   limits f32, bf16, f16; fewer than 2^31 elements
//   measured never run on hardware

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/flatten/flatten_engines.h>
#include <voluta/core/device/launch.cuh>

#include <algorithm>

namespace voluta {
namespace {

constexpr int kTile = 32, kBlockRows = 8;
constexpr int64_t kMaxBlocks = 1 << 16;  // further tiles by a grid-stride loop

// x [batch, rows, columns] -> y [batch, columns, rows]; the elements' bits alone.
template <class Bits>
__global__ void tiled_transpose(const Bits* x, Bits* y, int rows, int columns, int64_t tiles) {
  constexpr int kPad = static_cast<int>(sizeof(uint32_t) / sizeof(Bits));
  VOLUTA_SHARED(Bits[kTile][kTile + kPad], tile);  // [row, column] of x, padded
  const int i = static_cast<int>(threadIdx.x), j = static_cast<int>(threadIdx.y);
  const int tiles_across = (columns + kTile - 1) / kTile, tiles_down = (rows + kTile - 1) / kTile;

  for (int64_t t = blockIdx.x; t < tiles; t += gridDim.x) {
    const int left = static_cast<int>(t % tiles_across) * kTile;
    const int top = static_cast<int>(t / tiles_across % tiles_down) * kTile;
    const int64_t matrix = t / tiles_across / tiles_down * rows * columns;
    for (int k = j; k < kTile; k += kBlockRows) {
      const int row = top + k, column = left + i;
      if (row < rows && column < columns) {
        tile[k][i] = x[matrix + static_cast<int64_t>(row) * columns + column];
      }
    }
    __syncthreads();
    for (int k = j; k < kTile; k += kBlockRows) {
      const int row = top + i, column = left + k;
      if (row < rows && column < columns) {
        y[matrix + static_cast<int64_t>(column) * rows + row] = tile[i][k];
      }
    }
    __syncthreads();  // the next round overwrites the tile
  }
}

template <class Bits>
Execution prepare_as(const Problem& problem) {
  const auto [batch, rows, columns] = transpose_extents(problem);
  const int64_t tiles = batch * blocks_for(rows, kTile) * blocks_for(columns, kTile);
  const LaunchShape shape{.grid = {static_cast<unsigned>(std::min(tiles, kMaxBlocks)), 1, 1},
                          .block = {kTile, kBlockRows, 1}};
  return {.run = [=, rows = static_cast<int>(rows), columns = static_cast<int>(columns)](
                     const Args& args, Stream& stream) {
    launch(stream, "tiled_transpose", shape, tiled_transpose<Bits>, args.in<Bits>(0),
           args.out<Bits>(0), rows, columns, tiles);
  }};
}

Execution prepare(const Problem& problem) {
  const bool half = size_of(problem.inputs[0].dtype) == 2;
  return half ? prepare_as<uint16_t>(problem) : prepare_as<uint32_t>(problem);
}

}  // namespace

const Engine kFlattenTiledTranspose{"tiled_transpose", DeviceType::kCuda, EngineRole::kProduct,
                                    supports_int32, prepare};
const Engine kUnflattenTiledTranspose{"tiled_transpose", DeviceType::kCuda, EngineRole::kProduct,
                                      supports_int32, prepare};

}  // namespace voluta
