#pragma once

// What two blocks of a cluster that share B do otherwise than a block alone (conv2d_tma_wgmma.cuh).
//
// Note [Clusters of two]
//
//       block of rank 0            block of rank 1
//      +--------+--------+        +--------+--------+        B: both have all of it,
//      |  A of  | B, left   ---->   B, left         |           and copied one half
//      | rows 0 | B, right   <----  B, right  A of  |
//      +--------+--------+        +--------+ rows 1 +        full[s]:  A, and both halves of B
//       empty[s] <- consumers of both blocks -> empty[s]
//
// A block sends for a stage when the consumers of both have released it, since its half of B lands in
// both; so these arrive at both blocks' empty[s]. Its own full[s] expects all bytes of the stage. The
// other's half may come before that is announced: the phase lacks the producer's arrival until then.
// Both blocks walk the same tiles and steps. Of an odd number of row tiles the last is alone, and the
// block beside it multiplies zeros, for its half of B is needed. The blocks meet before the first
// step, so that all barriers are there, and after the last, so that none leaves while the other
// still arrives at its barriers.
//
// Source: PTX ISA, "cp.async.bulk.tensor" (.multicast::cluster), "mbarrier.arrive"
// (.shared::cluster), "barrier.cluster".

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

// All threads of the block, or of both blocks.
template <class View>
__device__ void meet_blocks() {
  if constexpr (kSharesB<View>) {
    sync_cluster();
  } else {
    __syncthreads();
  }
}

// Until the consumers that read what this block copies have released the stage.
template <class View>
__device__ void wait_until_empty(Mbarrier& empty, int parity) {
  if constexpr (kSharesB<View>) {
    wait_for_cluster_phase(empty, parity);
  } else {
    wait_for_phase(empty, parity);
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

// What this block copies of a step's B for all of its cluster. Stored line by line: columns from
// (c0, c1) of their depth on, in one box.
template <int kColumns, int kCluster>
__device__ void copy_columns(unsigned char* b, const TensorMap& map, Mbarrier& full, int c0, int c1,
                             int first_column) {
  const int first = rank_of_block<kCluster>() * (kColumns / kCluster);
  copy_box_to_all<kCluster>(b + first * kSwizzledRowBytes, map, full, c0, c1, first_column + first);
}

// f(tile) for the tiles of this block, in their order.
template <class View, class F>
__device__ void for_each_tile(const View& view, F&& f) {
  constexpr int kCluster = kClusterOf<View>;
  for (int index = static_cast<int>(blockIdx.x) / kCluster; index < view.tiles;
       index += static_cast<int>(gridDim.x) / kCluster) {
    f(view.tile(index));
  }
}

}  // namespace voluta::tma_wgmma
