#pragma once

// Clusters (sm_90): neighbouring blocks of a grid that run at the same time and reach each other's
// shared memory. LaunchShape::cluster says how many; a block is known by its rank, 0, 1, ...
//
//   cluster_rank()            of this block
//   sync_cluster()            all threads of all its blocks: what they wrote before is seen after.
//                             Before a block touches the shared memory of another it has started,
//                             and it stays until a last sync_cluster()
//   arrive_at(barrier, rank)  at the mbarrier that lies where `barrier` does, in the block of that
//                             rank (one's own too)
//   multicast_box()           tensor_copy.cuh
//
// An arrival says that copies may overwrite what the thread has read, by an instruction that has ended. It carries
// nothing that the thread wrote, so it is of the block's scope: one of the cluster's is a fence of the whole chip
// before each arrival (MEMBAR.ALL.GPU), and a wait of that scope drops the L1 cache after each phase.
//
// Source: PTX ISA, "barrier.cluster", "mapa", "mbarrier.arrive"; the scope of arrivals is that of CUTLASS
// (cutlass/arch/barrier.h, ClusterBarrier). Under simt/: simt/cluster.h.

#include <voluta/kernels/common/mbarrier.cuh>

namespace voluta {

#ifdef VOLUTA_SIMT

using simt::cluster_rank;
using simt::sync_cluster;

inline void arrive_at(Mbarrier& barrier, int rank, simt::Site site = simt::Site::current()) {
  simt::arrive_at(barrier.state, rank, site);
}

#else

__device__ inline int cluster_rank() {
  int rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));  // read anew: keeps no register
  return rank;
}

// Not .aligned: the lanes of a warp may come one by one.
__device__ inline void sync_cluster() {
  asm volatile(
      "barrier.cluster.arrive.release;\n"
      "barrier.cluster.wait.acquire;" ::
          : "memory");
}

__device__ inline void arrive_at(Mbarrier& barrier, int rank) {
  asm volatile(
      "{\n"
      ".reg .b32 there;\n"
      "mapa.shared::cluster.u32 there, %0, %1;\n"
      "mbarrier.arrive.shared::cluster.b64 _, [there];\n"
      "}\n" ::"r"(shared_address(&barrier)),
      "r"(rank)
      : "memory");
}

#endif

}  // namespace voluta
