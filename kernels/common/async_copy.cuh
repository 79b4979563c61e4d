#pragma once

// cp.async (sm_80 and later): copies from global to shared memory that go on while the thread does.
//
//   copy_async<16>(to, from, valid ? 16 : 0);    // starts; bytes past the last are zeros
//   commit_copies();                             // closes a group
//   wait_copies<1>();                            // until at most the newest group is under way
//   __syncthreads();                             // the waits of the other threads
//
// A wait covers the thread's own copies alone. Under simt/: simt/async_copy.h.

#include <voluta/core/device/launch.cuh>

#include <cstdint>

namespace voluta {

#ifdef VOLUTA_SIMT

using simt::commit_copies;
using simt::copy_async;
using simt::wait_copies;

#else

// kBytes is 4, 8 or 16 and the alignment of both addresses; `present` bytes are read, the others
// become zeros. 16 bytes pass the L1 cache by (.cg).
template <int kBytes>
__device__ inline void copy_async(void* shared, const void* global, int present = kBytes) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16);
  const auto to = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
  if constexpr (kBytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global),
                 "r"(present)
                 : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %3, %2;" ::"r"(to), "l"(global),
                 "r"(present), "n"(kBytes)
                 : "memory");
  }
}

__device__ inline void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

template <int kNewestGroups>
__device__ inline void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kNewestGroups) : "memory");
}

#endif

}  // namespace voluta
