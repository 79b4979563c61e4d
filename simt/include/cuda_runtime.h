#pragma once

// Found in place of the CUDA toolkit's header by the SIMT build: what device code needs, as plain
// C++ for g++. Launches and the rest of the runtime go through core/device/ in every build.

#include <voluta/simt/async_copy.h>
#include <voluta/simt/atomics.h>
#include <voluta/simt/cluster.h>
#include <voluta/simt/intrinsics.h>
#include <voluta/simt/mbarrier.h>
#include <voluta/simt/shared.h>
#include <voluta/simt/tensor_core.h>
#include <voluta/simt/thread.h>
#include <voluta/simt/vector_types.h>
#include <voluta/simt/warp.h>
#include <voluta/simt/wgmma.h>

#include <cassert>
#include <cstdio>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __launch_bounds__(...)
#define __maxnreg__(...)
#define __forceinline__ inline __attribute__((always_inline))
#define __align__(bytes) __attribute__((aligned(bytes)))
// Empty, since libstdc++ writes __attribute__((__noinline__)).
#define __noinline__

inline void __syncthreads(voluta::simt::Site site = voluta::simt::Site::current()) {
  voluta::simt::block_barrier(voluta::simt::Barrier::kSync, false, site);
}
inline int __syncthreads_count(int predicate,
                               voluta::simt::Site site = voluta::simt::Site::current()) {
  return voluta::simt::block_barrier(voluta::simt::Barrier::kCount, predicate != 0, site);
}
inline int __syncthreads_and(int predicate,
                             voluta::simt::Site site = voluta::simt::Site::current()) {
  return voluta::simt::block_barrier(voluta::simt::Barrier::kAnd, predicate != 0, site);
}
inline int __syncthreads_or(int predicate,
                            voluta::simt::Site site = voluta::simt::Site::current()) {
  return voluta::simt::block_barrier(voluta::simt::Barrier::kOr, predicate != 0, site);
}

// A thread that polls lets the others run; a loop that polls without it never ends here.
inline void __nanosleep(unsigned, voluta::simt::Site site = voluta::simt::Site::current()) {
  voluta::simt::yield(site);
}

[[noreturn]] inline void __trap(voluta::simt::Site site = voluta::simt::Site::current()) {
  voluta::simt::kernel_error("__trap", site);
}

inline bool __isShared(const void* pointer) {
  return voluta::simt::is_shared(pointer);
}
