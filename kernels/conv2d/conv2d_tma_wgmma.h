#pragma once

// Host side of the "implicit_gemm_tma_wgmma" kernels: what they support, and the tensor maps of a
// convolution. Of f32 the maps round to tf32 (Note [Rounding to tf32], core/device/tensor_map.h).

#include <voluta/core/device/tensor_map.h>
#include <voluta/kernels/common/mma_engines.h>
#include <voluta/kernels/conv2d/conv2d_geometry.h>

namespace voluta::tma_wgmma {

// One group, channels in multiples of 16 bytes, and the limits of bulk tensor copies.
Support within_limits(const Problem& problem);

// Those of the kernels that take a prologue, in 16 bits and in front of windows of single pixels.
Support within_limits_of_pixels(const Problem& problem);

inline constexpr Chips kChips = {.from = 90, .below = 100};  // wgmma is Hopper's alone

// "implicit_gemm_tma_wgmma" of bf16 and f16, "..._tf32" of f32 data.
template <Support (*kLimits)(const Problem&)>
constexpr Engine half_engine(Execution (*prepare)(const Problem&)) {
  Engine engine = mma_product::half_engine<kLimits>("implicit_gemm_tma_wgmma", prepare);
  engine.chips = kChips;
  return engine;
}
template <Support (*kLimits)(const Problem&)>
constexpr Engine tf32_engine(Execution (*prepare)(const Problem&)) {
  Engine engine = mma_product::tf32_engine<kLimits>("implicit_gemm_tma_wgmma_tf32", prepare);
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

// x[N,H,W,C] in rows of 128 bytes of channels, `pixels` base positions a copy.
TensorMapLayout im2col_map(DType dtype, int64_t n, int64_t c, const BasePositions& h,
                           const BasePositions& w, int pixels);

// w[K,R,S,C] as [K, R*S, C]: boxes of 128 bytes of channels of one tap of `filters`.
TensorMapLayout filter_map(DType dtype, const Conv2dGeometry& g, int filters);

// A matrix [rows, columns] in boxes of 128 bytes of columns of `box_rows`.
TensorMapLayout matrix_map(DType dtype, int64_t rows, int64_t columns, int box_rows);

// The widest tile of 256, 128 or 64 columns that is not wider than needed and leaves enough tiles
// to go round a chip. A function of the problem alone.
int tile_columns(int64_t rows, int64_t columns);

}  // namespace voluta::tma_wgmma
