#pragma once

// The matrix product of sm_90a that the three "implicit_gemm_tma_wgmma" kernels of this room share.
// Operand tiles travel by bulk tensor copies, whose im2col mode gathers a convolution's pixels in
// hardware; wgmma multiplies them from shared memory. A block stays on its SM and works through
// tiles (persistent); copies for the next tile run while the last one is stored.
//
//   out[row, column] = sum_depth A[row, depth] * B[depth, column]
//   block  384 threads: warpgroups 0 and 1 multiply, one thread of warpgroup 2 issues the copies
//   tile   128 rows x kColumns (64, 96, 128, 160, 192 or 256), in steps of 128 bytes of depth: 64 elements
//          of 16 bits, 32 of f32, whose products are tf32. Tall: 256 rows x 64 or 128, each warpgroup
//          64 of either half
//
//                  kColumns
//               +-------------+
//     warpgroup |  rows 0-63  |    kColumns / 2 f32 accumulators a thread
//     0         |             |
//               +-------------+      full[stage]   copies -> products
//     warpgroup | rows 64-127 |      empty[stage]  products -> copies
//     1         |             |
//               +-------------+
//
//   smem   conv2d_tma_wgmma_pipeline.cuh
//   cluster  where a View asks for it, two blocks multiply two row tiles by the same columns. Each
//          copies half of a step's B for both, so that a step of 128 x 256 takes 32 KiB from L2
//          instead of 48: Note [Clusters of two], conv2d_tma_wgmma_cluster.cuh
//   order  of additions: along the depth, a function of the problem alone; two runs agree bit for bit
//
// A View tells the three directions apart:
//   Element                           as tensors are stored: BFloat16, Float16 or float
//   kColumns                          of a tile
//   kA, kB                            how copies store the operands in shared memory (wgmma.cuh)
//   Tile tile(int index)              what a tile is; tiles, its number
//   int steps(tile)                   steps of depth
//   class Copies(view, maps, tile)    .issue(a, b, full) sends for the next step; b is the block's share
//   store(tile, warp_rows, sums, staging)   writes what a thread holds, of columns by 64: those past
//                                     kColumns are zeros and belong to the next tile
// and, where a tap's last step has channels for a part of its 128 bytes alone,
//   StepProducts products(tile)
// and, where an epilogue has auxiliary tensors (conv2d_tma_wgmma_auxiliary.cuh),
//   store(tile, warp_rows, sums, staging, auxiliaries, while_staged)   instead; while_staged(block) is called while
//                                     the results of 128 bytes of columns are
// and then, where it can write the moments of its results (conv2d_tma_wgmma_columns.cuh),
//   float* moments; MomentTarget moment_target(tile)
// or sums for a batch norm in front,
//   NormInFront norm; float* sums; MomentTarget sum_target(tile)
// or, where it has a prologue (conv2d_tma_wgmma_prologue.cuh),
//   kPrologue = true; normalise(tile, step, a, b)         in a stage, by all that multiply
// or, where a tile may be tall,
//   kHeight = 2; Tile part(tile, half)    what store(), moments and sums know as a tile
// or, where the blocks of a cluster share B (conv2d_tma_wgmma_cluster.cuh),
//   kCluster = 2; tile() is that of the block's rank, `tiles` counts those of a cluster;
//   kShare                            rows of 128 bytes of each box of B that a block copies for both
//   bool exists(tile)                     else there are no such rows, and nothing is stored
//
// Source: Chetlur et al. 2014, section 3 (implicit GEMM); PTX ISA, sections on cp.async.bulk.tensor
// and wgmma.

#include <voluta/kernels/common/packed_pair.h>
#include <voluta/kernels/common/product_view.cuh>
#include <voluta/kernels/common/tensor_copy.cuh>
#include <voluta/kernels/common/wgmma.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_auxiliary.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_cluster.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_columns.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_pipeline.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_prologue.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_results.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_transpose.cuh>

#include <algorithm>
#include <string>

namespace voluta::tma_wgmma {

constexpr int kMostMaps = 4;

// What wgmma multiplies of a stored T.
template <class T>
using Operand = std::conditional_t<std::is_same_v<T, float>, Tf32, T>;

// Whether a stage is transposed before it is multiplied, and how its operands lie then.
template <class View>
constexpr bool kTransposes =
    std::is_same_v<typename View::Element, float>&& View::kA == Stored::kDepthByDepth;
template <class View>
constexpr Stored kMultipliedA = kTransposes<View> ? Stored::kLineByLine : View::kA;
template <class View>
constexpr Stored kMultipliedB = kTransposes<View> ? Stored::kLineByLine : View::kB;

template <class View>
constexpr bool kHasPrologue = [] {
  if constexpr (requires { View::kPrologue; }) return View::kPrologue;
  return false;
}();

// Of the 64 Ki registers of an SM: 40 x 128 + 232 x 256.
constexpr int kProducerRegisters = 40, kConsumerRegisters = 232;

struct TensorMaps {
  TensorMap a[kMostMaps], b;
};

template <class View>
__device__ void send_tiles(const Pipeline<View>& pipeline, const TensorMaps& maps,
                           const View& view) {
  typename Pipeline<View>::Stage stage;
  for_each_tile(view, [&](const auto& tile) {
    typename View::Copies copies(view, maps, tile);
    for (int step = view.steps(tile); step > 0; --step) {
      wait_for_phase(pipeline.empty(stage.index), stage.parity ^ 1);
      arrive_and_expect(pipeline.full(stage.index), Layout<View>::kStageBytes);
      copies.issue(pipeline.a(stage.index),
                   pipeline.b(stage.index) + first_of_share<View>() * kSwizzledRowBytes,
                   pipeline.full(stage.index));
      stage.advance();
    }
    if constexpr (kHasAuxiliaries<View>) send_auxiliaries(pipeline, view, tile, stage);
  });
}

// How many instructions multiply the steps of a tile: a tap's last step those that its channels need.
static_assert(kStepProducts == kSwizzledRowBytes / kWgmmaStepBytes);
struct StepProducts {
  int steps_of_tap, last;  // of the tap's last step
  int done = 0;            // steps of the tap
  __device__ int next() {
    if (++done < steps_of_tap) return kStepProducts;
    done = 0;
    return last;
  }
};

template <class View>
constexpr bool kHasPartialSteps = requires(const View& view, const typename View::Tile& tile) {
  view.products(tile);
};
template <class View>
__device__ StepProducts step_products(const View& view, const typename View::Tile& tile) {
  if constexpr (kHasPartialSteps<View>) return view.products(tile);
  return {1, kStepProducts};
}

// What a thread holds of a tile: of each half of a tall one.
template <class View>
using Sums = float[kHeightOf<View>][kHeldSums<View>];

// Adds the first kProducts products of a step: 64 rows of A from `a`, of each half, kColumns columns of B.
template <class View, int kProducts>
__device__ void multiply_products(Sums<View>& sums, const unsigned char* a,
                                  const unsigned char* b) {
  // An instruction's depth further: 32 bytes along a line, or 16 rows.
  constexpr int kDepthByDepthStep = 16 * kSwizzledRowBytes;
  constexpr Stored kA = kMultipliedA<View>, kB = kMultipliedB<View>;
  constexpr int kStepA = kA == Stored::kLineByLine ? kWgmmaStepBytes : kDepthByDepthStep;
  constexpr int kStepB = kB == Stored::kLineByLine ? kWgmmaStepBytes : kDepthByDepthStep;
  const uint64_t first_b = operand_descriptor<kB>(b, kBlockBytes);
  fence_products();
#pragma unroll
  for (int half = 0; half < kHeightOf<View>; ++half) {
    const uint64_t first_a =
        operand_descriptor<kA>(a + half * kRows * kSwizzledRowBytes, kBlockBytes);
#pragma unroll
    for (int i = 0; i < kProducts; ++i) {
      multiply<Operand<typename View::Element>, kA, kB, View::kColumns>(
          sums[half], advanced(first_a, i * kStepA), advanced(first_b, i * kStepB), true);
    }
  }
  commit_products();
}

// The same of a step that has `products`. Each number is a path of its own: ptxas makes a group of each product
// that is behind a branch, and waits for all of them.
template <class View>
__device__ void multiply_step(Sums<View>& sums, const unsigned char* a, const unsigned char* b,
                              int products) {
  if constexpr (kHasPartialSteps<View>) {
    if (products == 1) return multiply_products<View, 1>(sums, a, b);
    if (products == 2) return multiply_products<View, 2>(sums, a, b);
    if (products == 3) return multiply_products<View, 3>(sums, a, b);
  }
  multiply_products<View, kStepProducts>(sums, a, b);
}

// Waits for all consumers; `parity` is that of the phase which this ends.
template <class View>
__device__ void meet_consumers(const Pipeline<View>& pipeline, int& parity) {
  __syncwarp();
  if (threadIdx.x % 32 == 0) arrive(pipeline.consumers());
  wait_for_phase(pipeline.consumers(), parity);
  parity ^= 1;
}

// Moments or sums: whether this run asks for those that a View can tell.
template <class View>
__device__ bool asks_for_statistics(const View& view) {
  if constexpr (HasMoments<View>) return view.moments != nullptr;
  if constexpr (HasSums<View>) return view.sums != nullptr;
  return false;
}

// Gathers them of a warp's rows of 128 bytes of columns, the `block`-th of the tile.
template <class View>
__device__ void gather_statistics(const Pipeline<View>& pipeline, const View& view,
                                  const typename View::Tile& tile, int block,
                                  AuxiliaryReader<View>& auxiliaries) {
  using T = typename View::Element;
  const int warp = static_cast<int>(threadIdx.x) / 32, first = block * kRowElements<T>;
  if constexpr (HasMoments<View>) {
    const int rows = rows_of_warp(view.moment_target(tile).rows, warp);
    gather_moments<T>(pipeline.statistics(), pipeline.staging(warp), rows, first);
  } else {
    const int first_channel = tile.columns.first + first;
    gather_sums<T>(pipeline.statistics(), view.norm, pipeline.staging(warp), auxiliaries.rows(),
                   first, first_channel, tile.columns.end - first_channel);
    auxiliaries.next();
  }
}

// Writes those of a tile. `parity`: see meet_consumers().
template <class View>
__device__ void write_statistics(const Pipeline<View>& pipeline, const View& view,
                                 const typename View::Tile& tile, int& parity) {
  const int thread = static_cast<int>(threadIdx.x), threads = kConsumers * kWarpgroup;
  meet_consumers(pipeline, parity);
  if constexpr (HasMoments<View>) {
    write_gathered_moments(pipeline.statistics(), view.moment_target(tile), thread, threads);
  } else {
    write_gathered_sums(pipeline.statistics(), view.sum_target(tile), thread, threads);
  }
  meet_consumers(pipeline, parity);  // the next tile's take their place
}

// Stores a tile, or a half of a tall one, and what is asked of it beside.
template <class View>
__device__ void finish_tile(const Pipeline<View>& pipeline, const View& view,
                            const typename View::Tile& tile, float (&sums)[kHeldSums<View>],
                            AuxiliaryReader<View>& auxiliaries, [[maybe_unused]] int& parity) {
  const int warp = static_cast<int>(threadIdx.x) / 32;
  static_assert(kHasAuxiliaries<View> || !(HasMoments<View> || HasSums<View>));
  if constexpr (!kHasAuxiliaries<View>) {
    if constexpr (kSharesB<View>) {
      if (!view.exists(tile)) return;
    }
    view.store(tile, warp * kWarpRows, sums, pipeline.staging(warp));
  } else if (!view.exists(tile)) {
    auxiliaries.skip(view.auxiliary_slots(tile));
  } else {
    const bool asks = asks_for_statistics(view);
    view.store(tile, warp * kWarpRows, sums, pipeline.staging(warp), auxiliaries, [&](int block) {
      if (asks) gather_statistics(pipeline, view, tile, block, auxiliaries);
    });
    if (asks) write_statistics(pipeline, view, tile, parity);
  }
}

template <class View>
__device__ void multiply_tiles(const Pipeline<View>& pipeline, const View& view) {
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int warpgroup = warp / 4;
  typename Pipeline<View>::Stage stage;
  [[maybe_unused]] int parity = 0;
  auto release = [&](int of) { release_stage<View>(pipeline.empty(of), lane); };
  for_each_tile(view, [&](const auto& tile) {
    const int steps = view.steps(tile);
    auto products = step_products(view, tile);
    Sums<View> sums;
#pragma unroll
    for (auto& half : sums) {
#pragma unroll
      for (float& sum : half) sum = 0.0f;
    }
    int previous = 0;
    for (int step = 0; step < steps; ++step) {
      wait_for_phase(pipeline.full(stage.index), stage.parity);
      if constexpr (kTransposes<View>) {
        transpose_blocks(pipeline.a(stage.index), Layout<View>::kStageBytes / kTransposedBytes,
                         kConsumerWarps);
        meet_consumers(pipeline, parity);
      } else if constexpr (kHasPrologue<View>) {
        view.normalise(tile, step, pipeline.a(stage.index), pipeline.b(stage.index));
        fence_async_proxy();
        meet_consumers(pipeline, parity);
      }
      multiply_step<View>(sums, pipeline.a(stage.index) + warpgroup * kBlockBytes,
                          pipeline.b(stage.index), products.next());
      if (step > 0) {
        wait_products<1>();
        release(previous);
      }
      previous = stage.index;
      stage.advance();
    }
#pragma unroll
    for (auto& half : sums) wait_products<0>(half);
    if (steps > 0) release(previous);
    AuxiliaryReader<View> auxiliaries(pipeline, stage);
    if constexpr (kHeightOf<View> == 1) {
      finish_tile(pipeline, view, tile, sums[0], auxiliaries, parity);
    } else {
#pragma unroll
      for (int half = 0; half < kHeightOf<View>; ++half) {
        finish_tile(pipeline, view, view.part(tile, half), sums[half], auxiliaries, parity);
      }
    }
    auxiliaries.finish();
  });
}

template <class View>
__global__ void __launch_bounds__(kThreads, 1)
    implicit_gemm_tma_wgmma(const __grid_constant__ TensorMaps maps,
                            const __grid_constant__ View view) {
#ifdef VOLUTA_HAS_WGMMA
  VOLUTA_DYNAMIC_SHARED(unsigned char, memory);
  const Pipeline<View> pipeline{memory};
  if (threadIdx.x == 0) pipeline.make_barriers(kClusterOf<View>);
  if (threadIdx.x == kConsumers * kWarpgroup) {
    prefetch_map(maps.a[0]);
    prefetch_map(maps.b);
  }
  meet_blocks<View>();
  if (threadIdx.x >= kConsumers * kWarpgroup) {
    give_registers<kProducerRegisters>();
    if (threadIdx.x == kConsumers * kWarpgroup) send_tiles(pipeline, maps, view);
  } else {
    take_registers<kConsumerRegisters>();
    multiply_tiles(pipeline, view);
    if constexpr (kSharesB<View>) sync_cluster();  // who copied has exited, or will
  }
#else
  (void)View::kA, (void)View::kB;
  refuse_to_run();
#endif
}

// The map of a layout at the address of this run.
inline TensorMap tensor_map(Stream& stream, TensorMapLayout layout, const void* address) {
  layout.address = address;
  return stream.runtime().encode_tensor_map(layout);
}

template <class View>
void launch_tiles(Stream& stream, const char* name, const TensorMaps& maps, const View& view) {
  constexpr int kCluster = kClusterOf<View>;
  const int clusters = std::clamp(multiprocessors(stream.device()) / kCluster, 1, view.tiles);
  launch(stream, name,
         {.grid = {static_cast<unsigned>(clusters * kCluster), 1, 1},
          .block = {kThreads, 1, 1},
          .shared_bytes = Layout<View>::kBytes,
          .cluster = kCluster},
         implicit_gemm_tma_wgmma<View>, maps, view);
}

// f.operator()<kPrologue>(); f32 takes none, nor do tiles that are not is_of_all().
template <class T, int kColumns, int kHeight, class F>
Execution dispatch_prologue(const Problem& problem, F&& f) {
  if (conv2d_normaliser(problem) == 0) return f.template operator()<false>();
  if constexpr (sizeof(T) == 2 && is_of_all(kHeight * kRows, kColumns)) {
    return f.template operator()<true>();
  }
  fail(ErrorKind::kFailed, "no kernel with tiles of this size takes a prologue");
}

// How many tiles hold so many rows where each takes `at_once` times kRows, or the tiles of a cluster together do.
inline int row_tiles(int64_t rows, int at_once) {
  const int64_t rows_of_all = int64_t{at_once} * kRows;
  return static_cast<int>((rows + rows_of_all - 1) / rows_of_all);
}

// f.operator()<T, kColumns, kHeight>() for a problem in bf16, f16 or f32 and a size of tiles, of the widths listed:
// of f32 of those that is_of_all() names. kTall: tiles that are twice as high too.
template <bool kTall, int... kWidths, class F>
Execution dispatch_tiles(const Problem& problem, TileSize tile, F&& f) {
  Execution execution;
  auto of_size = [&]<class T, int kColumns, int kHeight>() {
    if constexpr (sizeof(T) == 2 || is_of_all(kHeight * kRows, kColumns)) {
      if (tile.columns != kColumns || tile.rows != kHeight * kRows) return;
      execution = f.template operator()<T, kColumns, kHeight>();
    }
  };
  auto of_type = [&]<class T>() {
    if (problem.outputs[0].dtype != kDTypeOf<T>) return;
    (of_size.template operator()<T, kWidths, 1>(), ...);
    if constexpr (kTall) {
      of_size.template operator()<T, 64, 2>();
      of_size.template operator()<T, 128, 2>();
    }
  };
  of_type.template operator()<BFloat16>();
  of_type.template operator()<Float16>();
  of_type.template operator()<float>();
  if (!execution.run) {
    fail(ErrorKind::kFailed, "no kernel has tiles of " + std::to_string(tile.rows) + " x " +
                                 std::to_string(tile.columns));
  }
  return execution;
}

}  // namespace voluta::tma_wgmma
