#pragma once

// Host models of mbarrier and of the bulk tensor copies that complete on one;
// kernels/common/mbarrier.cuh and tensor_copy.cuh document the functions.
//
// A copy's bytes arrive in shared memory when a thread waits for its barrier and would otherwise
// stand still; with a seed, a coin decides for each copy between that and at once. So a missing wait
// reads what was there before, and a stage that is filled while others still read it changes under
// them. Copies under way when their block ends are an error: their bytes would land in the next
// block's shared memory.
// For ThreadSanitizer an arrival releases the barrier and a wait acquires it; the bytes are written
// by the thread in whose wait they arrive.

#include <voluta/core/device/tensor_map.h>
#include <voluta/simt/thread.h>

#include <array>
#include <cstdint>

namespace voluta::simt {

// In 8 bytes of shared memory: the phase's parity, the arrivals that it still lacks, and the bytes
// announced and not yet arrived. The phase ends when both are 0.
void init_barrier(uint64_t& barrier, int arrivals, Site site = Site::current());
void arrive(uint64_t& barrier, Site site = Site::current());
void arrive_and_expect(uint64_t& barrier, int bytes, Site site = Site::current());
void wait_for_phase(uint64_t& barrier, int parity, Site site = Site::current());

// Coordinates and offsets innermost first, as in TensorMapLayout. A tiled copy names as many as the map has
// dimensions, 2 or 3.
struct BoxCorner {
  int dimensions;
  std::array<int, 3> at;
};
void copy_box(void* shared, const TensorMap& map, uint64_t& barrier, const BoxCorner& corner,
              Site site = Site::current());
void copy_im2col(void* shared, const TensorMap& map, uint64_t& barrier, int c, int w, int h, int n,
                 int tap_w, int tap_h, Site site = Site::current());

}  // namespace voluta::simt
