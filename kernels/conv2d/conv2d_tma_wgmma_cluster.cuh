#pragma once

// What two blocks of a cluster that share B do otherwise than a block alone (conv2d_tma_wgmma.cuh).
//
// Note [Clusters of two]
//
//                 columns of B, or depths
//                  first half  second half
//                 +-----------+-----------+
//    rank 0       |           |           |   copies its A, and the first half of B for both
//    rows 0-127   |           |           |
//                 +-----------+-----------+
//    rank 1       |           |           |   copies its A, and the second half of B for both
//    rows 128-255 |           |           |
//                 +-----------+-----------+
//
//    full[stage]  of each block   its A and both halves of B have come
//    empty[stage] of each block   the consumers of both blocks have released the stage
//
// A block sends for a stage when the consumers of both have released it, since its half of B lands in
// both; so these arrive at both blocks' empty[stage]. Its own full[stage] expects all bytes of the
// stage. The other's half may come before they are announced: until then the phase lacks the
// producer's arrival, and does not end.
// Both blocks walk the same tiles and steps. Of an odd number of row tiles the last is alone, and the
// block beside it multiplies zeros, for its half of B is needed. The blocks meet before the first
// step, so that all barriers are there, and the consumers after the last, so that no block leaves while
// the other still arrives at its barriers. What was copied for a block has come by then: its consumers
// have waited for it.
//
// Source: PTX ISA, "cp.async.bulk.tensor" (.multicast::cluster), "mbarrier.arrive"
// (.shared::cluster), "barrier.cluster".

#include <voluta/kernels/conv2d/conv2d_tma_wgmma.h>
#include <voluta/kernels/common/tensor_copy.cuh>

namespace voluta::tma_wgmma {

// Blocks that share B.
template <class View>
constexpr int kClusterOf = [] {
  if constexpr (requires { View::kCluster; }) return View::kCluster;
  return 1;
}();

template <class View>
constexpr bool kSharesB = kClusterOf<View> != 1;

// Of the block in its cluster.
template <int kCluster>
__device__ int rank_of_block() {
  if constexpr (kCluster > 1) return cluster_rank();
  return 0;
}

// All threads of the block, or of both blocks, before the first step.
template <class View>
__device__ void meet_blocks() {
  if constexpr (kSharesB<View>) {
    sync_cluster();
  } else {
    __syncthreads();
  }
}

// By a warp that has read the stage, to all blocks that fill it.
template <class View>
__device__ void release_stage(Mbarrier& empty, int lane) {
  if constexpr (kSharesB<View>) {
    if (lane < kClusterOf<View>) arrive_at(empty, lane);
  } else {
    if (lane == 0) arrive(empty);
  }
}

// copy_box() to all blocks of the cluster.
template <int kCluster>
__device__ void copy_box_to_all(unsigned char* shared, const TensorMap& map, Mbarrier& full, int c0,
                                int c1, int c2) {
  if constexpr (kCluster > 1) {
    multicast_box(shared, map, full, (1 << kCluster) - 1, c0, c1, c2);
  } else {
    copy_box(shared, map, full, c0, c1, c2);
  }
}

// Of a step's B the first row of 128 bytes that this block copies for all of its cluster: View::kShare of them, or
// so many of each block where columns are stored depth by depth.
template <class View>
__device__ int first_of_share() {
  if constexpr (kSharesB<View>) return cluster_rank() * View::kShare;
  return 0;
}

// f(tile) for the tiles of this block, in their order.
template <class View, class F>
__device__ void for_each_tile(const View& view, F&& f) {
  constexpr int kCluster = kClusterOf<View>;
  for (int block = static_cast<int>(blockIdx.x); block / kCluster < view.tiles;
       block += static_cast<int>(gridDim.x)) {
    f(view.tile(block / kCluster));
  }
}

// f.operator()<kCluster>(); tiles of 128 x 64 take no cluster. tiles_of(c): a block's tiles where c
// blocks make a cluster; `least`: see cluster_blocks().
template <int kColumns, int kHeight, class Tiles, class F>
Execution dispatch_cluster(Tiles&& tiles_of, F&& f, int64_t least = kMultiprocessors) {
  if constexpr (kColumns > 64 || kHeight > 1) {
    if (cluster_blocks(tiles_of(1), tiles_of(2), least) == 2) return f.template operator()<2>();
  }
  return f.template operator()<1>();
}

}  // namespace voluta::tma_wgmma
