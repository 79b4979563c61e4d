#pragma once

// Host models of what the blocks of a cluster do to each other; kernels/common/cluster.cuh and
// tensor_copy.cuh document the functions.
//
// The blocks of a cluster run in turns on one OS thread, so each finds the others where they are by
// then: which one is ahead depends on the seed. To reach the shared memory of a block that has
// exited is an error, and so is to reach memory that it has not come to yet, or an mbarrier there
// that is not initialised: on a GPU these work on some days.
// For ThreadSanitizer the barrier of a cluster orders all its threads, and an arrival at another
// block's mbarrier releases it like one at an own.

#include <voluta/core/device/tensor_map.h>
#include <voluta/simt/thread.h>

#include <cstdint>

namespace voluta::simt {

int cluster_rank();
void sync_cluster(Site site = Site::current());

// `barrier` is the calling block's; meant is the same one of the block of that rank.
void arrive_at(uint64_t& barrier, int rank, Site site = Site::current());

// As copy_box(), to this place of every block whose rank is a bit of `ranks`.
void multicast_box(void* shared, const TensorMap& map, uint64_t& barrier, uint32_t ranks, int c0,
                   int c1, int c2, Site site = Site::current());

}  // namespace voluta::simt
