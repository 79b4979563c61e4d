#pragma once

// What the three "implicit_gemm_mma" kernels of this room share: the convolution as a matrix
// product on tensor cores (kernels/common/mma_product.cuh) whose operands are gathered while tiles
// are loaded, in 16-byte copies where each group's channels come in whole chunks.

#include <voluta/kernels/common/mma_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_geometry.h>
#include <voluta/kernels/common/elementwise.cuh>
#include <voluta/kernels/common/mma_product.cuh>
#include <voluta/kernels/conv2d/conv2d_product_grid.cuh>

namespace voluta::implicit_gemm_mma {

using implicit_gemm::make_grid;
using implicit_gemm::whole_chunks;
using mma_product::choose_tile;
using mma_product::half_engine;
using mma_product::launch_product;
using mma_product::tf32_engine;

// What a step of depth costs an SM: 64 bytes of each line, written once and, by 2 x 2 warps, read twice, at
// 128 bytes a cycle.
inline constexpr split_k::TileCost kTiles[] = {
    {{128, 128}, 384}, {{128, 64}, 288}, {{64, 64}, 192}};

// Those that there are for operands in whole chunks of 16 bytes, or others.
inline std::span<const split_k::TileCost> tiles_for(bool vector) {
  return std::span(kTiles).subspan(vector ? 0 : 1);
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
