#pragma once

// The first kernels of split-K (conv2d_split_k.h): "implicit_gemm" on FMA units and "implicit_gemm_mma" on
// tensor cores, with what a step of depth costs an SM in each of their tiles.

#include <voluta/kernels/conv2d/conv2d_implicit_gemm.cuh>
#include <voluta/kernels/conv2d/conv2d_implicit_gemm_mma.cuh>
#include <voluta/kernels/conv2d/conv2d_split_k.cuh>

namespace voluta::split_k {

// Of every group and phase.
struct Extents {
  int64_t rows, columns, groups, phases;
};

// f32: 128 multiply-adds a cycle. Threads with fewer outputs read shared memory more often for each.
struct Fma {
  static constexpr TileCost kTiles[] = {{{128, 128}, 2048}, {{128, 64}, 1200}, {{128, 32}, 800}};

  template <class View>
  static void launch(Stream& stream, const char* name, View view, const Cut& cut, const Extents& of,
                     bool) {
    view.grid =
        implicit_gemm::make_grid(cut.tile, of.rows, of.columns, of.groups, of.phases, cut.splits);
    implicit_gemm::launch_multiply(stream, name, view, cut.tile);
  }
};

// 64 bytes of each line: written once and, by 2 x 2 warps, read twice, at 128 bytes a cycle.
struct Mma {
  static constexpr TileCost kTiles[] = {{{128, 128}, 384}, {{128, 64}, 288}, {{64, 64}, 192}};

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

// Of depth: 64 bytes of a problem's type.
inline int step_elements(const Problem& problem) {
  return 64 / static_cast<int>(size_of(problem.inputs[0].dtype));
}

// Engines of an op whose products `kProduct` tells, on such a kernel.
template <Product (*kProduct)(const Problem&, int), Support (*kLimits)(const Problem&)>
Support supports_cut(const Problem& problem) {
  if (Support limits = kLimits(problem); !limits.ok) return limits;
  return supports(kProduct(problem, step_elements(problem)));
}
template <class Kernel, Product (*kProduct)(const Problem&, int)>
constexpr Engine paying(Engine engine) {
  engine.pays = [](const Problem& problem) {
    return pays(kProduct(problem, step_elements(problem)), Kernel::kTiles);
  };
  return engine;
}

}  // namespace voluta::split_k
