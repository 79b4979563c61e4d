#pragma once

// The first kernels of split-K (conv2d_split_k.h): "implicit_gemm" on FMA units and "implicit_gemm_mma" on
// tensor cores.

#include <voluta/kernels/conv2d/conv2d_implicit_gemm.cuh>
#include <voluta/kernels/conv2d/conv2d_implicit_gemm_mma.cuh>
#include <voluta/kernels/conv2d/conv2d_split_k.cuh>

namespace voluta::split_k {

// Of every group and phase.
struct Extents {
  int64_t rows, columns, groups, phases;
};

struct Fma {
  static std::span<const TileCost> tiles(const Problem&) { return implicit_gemm::kTiles; }

  template <class View>
  static void launch(Stream& stream, const char* name, View view, const Cut& cut, const Extents& of,
                     bool) {
    view.grid =
        implicit_gemm::make_grid(cut.tile, of.rows, of.columns, of.groups, of.phases, cut.splits);
    implicit_gemm::launch_multiply(stream, name, view, cut.tile);
  }
};
static_assert(implicit_gemm::kTileDepth == implicit_gemm::kStep<float>);

// Whether the operands of any direction come in chunks of 16 bytes.
inline bool whole_operands(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const auto chunk = 16 / static_cast<int64_t>(size_of(problem.inputs[0].dtype));
  return g.group_c % chunk == 0 && g.group_k % chunk == 0;
}

// `vector`: operands come in whole chunks, at aligned addresses.
struct Mma {
  static std::span<const TileCost> tiles(const Problem& problem) {
    return implicit_gemm_mma::tiles_for(whole_operands(problem));
  }

  template <class View>
  static void launch(Stream& stream, const char* name, View view, const Cut& cut, const Extents& of,
                     bool vector) {
    TileSize tile = cut.tile;
    if (!vector) tile.columns = 64;
    view.grid =
        implicit_gemm::make_grid(tile, of.rows, of.columns, of.groups, of.phases, cut.splits);
    mma_product::launch_product(stream, name, view, tile, vector, view.grid.blocks());
  }
};
static_assert(mma_product::kTileDepth<float> == implicit_gemm::kStep<float> &&
              mma_product::kTileDepth<BFloat16> == implicit_gemm::kStep<BFloat16>);

}  // namespace voluta::split_k
