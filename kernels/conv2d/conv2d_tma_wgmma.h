#pragma once

// Host side of the "implicit_gemm_tma_wgmma" kernels: what they support, and the tensor maps of a
// convolution. Of f32 the maps round to tf32 (Note [Rounding to tf32], core/device/tensor_map.h).

#include <voluta/core/device/tensor_map.h>
#include <voluta/kernels/common/mma_engines.h>
#include <voluta/kernels/conv2d/conv2d_split_k.h>

#include <algorithm>
#include <bit>
#include <span>

namespace voluta::tma_wgmma {

// Channels in multiples of 16 bytes, those of several groups of 64, and the limits of bulk tensor copies.
Support within_limits(const Problem& problem);

// Those of the kernels that take a prologue, in 16 bits and in front of windows of single pixels.
Support within_limits_of_pixels(const Problem& problem);

inline constexpr Chips kChips = {.from = 90, .below = 100};  // wgmma is Hopper's alone

// Of bf16 and f16, and of f32 data.
template <Support (*kLimits)(const Problem&)>
constexpr Engine half_engine(Execution (*prepare)(const Problem&),
                             std::string_view name = "implicit_gemm_tma_wgmma") {
  Engine engine = mma_product::half_engine<kLimits>(name, prepare);
  engine.chips = kChips;
  return engine;
}
template <Support (*kLimits)(const Problem&)>
constexpr Engine tf32_engine(Execution (*prepare)(const Problem&),
                             std::string_view name = "implicit_gemm_tma_wgmma_tf32") {
  Engine engine = mma_product::tf32_engine<kLimits>(name, prepare);
  engine.chips = kChips;
  return engine;
}

// Base positions of an im2col copy along one axis: first, first + step, ..., `count` of them, on an
// axis of `extent` pixels.
struct BasePositions {
  int64_t first, step, count, extent;
  int64_t lower() const { return first; }
  int64_t upper() const { return first + (count - 1) * step + 1 - extent; }
};

// Whether both ends are within the reach of a tensor map's corners.
bool fits_corners(const BasePositions& axis);

// x[N,H,W,C] in rows of 128 bytes of channels, `pixels` base positions a copy. As all maps but auxiliary ones: of f32
// what comes is rounded to tf32.
TensorMapLayout im2col_map(DType dtype, int64_t n, int64_t c, const BasePositions& h,
                           const BasePositions& w, int pixels);

// w[K,R,S,C/G] as [K, R*S, C/G]: boxes of 128 bytes of channels of one tap of `filters`.
TensorMapLayout filter_map(DType dtype, const Conv2dGeometry& g, int filters);

// A matrix [rows, columns], as [1, rows, columns], in boxes of 128 bytes of columns of `box_rows`.
TensorMapLayout matrix_map(DType dtype, int64_t rows, int64_t columns, int box_rows);

// A tile, and what 128 bytes of its depth cost an SM: wgmma multiplies 2048 pairs of 16 bits a cycle, and shared
// memory moves 128 bytes a cycle, each written once, `copied` columns, and B read for each 64 rows.
constexpr split_k::TileCost tile_cost(int rows, int columns, int copied) {
  const int arithmetic = rows * columns / 32, written = rows + copied,
            read = rows / 64 * (64 + columns);
  return {{rows, columns}, static_cast<double>(std::max(arithmetic, written + read))};
}

// Whether tiles of this size take f32, and prologues: fewer kernels, for what is little used.
constexpr bool is_of_all(int rows, int columns) {
  return rows == 128 && std::has_single_bit(static_cast<unsigned>(columns));
}

// The tiles of a problem; the columns of both gradients are copied by 64 in 16 bits. Low ones: of 128 rows alone, in
// kernels that cut the depth.
std::span<const split_k::TileCost> forward_tiles(const Problem& problem);
std::span<const split_k::TileCost> gradient_tiles(const Problem& problem);
std::span<const split_k::TileCost> low_forward_tiles(const Problem& problem);
std::span<const split_k::TileCost> low_gradient_tiles(const Problem& problem);

// The map of an auxiliary tensor, whose elements come as they are.
TensorMapLayout auxiliary_map(TensorMapLayout layout);

// Steps of depth: 128 bytes of a problem's type, of one tap.
split_k::Steps steps_of(const Problem& problem);

// How many products of 32 bytes of depth the last step of a tap has, where steps are of `elements`.
inline constexpr int kStepProducts = 4;
constexpr int last_step_products(int64_t channels, int elements) {
  return static_cast<int>((channels - 1) % elements / (elements / kStepProducts)) + 1;
}

// How many blocks share the columns of a tile (conv2d_tma_wgmma_cluster.cuh): 2 where there are at least so many
// tiles, those for a whole chip, and pairs of them, the last ones of a tile and nothing, take no more rounds. A
// function of the problem alone.
inline constexpr int64_t kMultiprocessors = 132;  // H100, H200
int cluster_blocks(int64_t tiles, int64_t pairs, int64_t least = kMultiprocessors);

// What an engine that splits the depth is.
template <split_k::Product (*kProduct)(const Problem&, const split_k::Steps&),
          std::span<const split_k::TileCost> (*kTiles)(const Problem&)>
using Splitting = split_k::Splitting<kProduct, steps_of, kTiles>;

}  // namespace voluta::tma_wgmma
