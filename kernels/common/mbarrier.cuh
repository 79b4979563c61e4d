#pragma once

// mbarrier: a barrier in shared memory that counts arrivals of threads and bytes of bulk copies
// (PTX ISA, "mbarrier"; sm_90 for the bytes). A pipeline has two a stage:
//
//   full:  the producer arrives and announces the bytes it has sent for; consumers wait
//   empty: consumers arrive when they have read the stage; the producer waits
//
// A wait names the parity of the phase it wants ended; phases are numbered from 0, so on a fresh
// barrier a wait for parity 1 returns at once. PipelineStage counts both. Under simt/:
// simt/mbarrier.h.

#include <voluta/core/device/launch.cuh>

#include <cstdint>

namespace voluta {

struct Mbarrier {
  uint64_t state;  // opaque
};

// The position of one side of a ring of kStages stages.
template <int kStages>
struct PipelineStage {
  int index = 0, parity = 0;  // of the phase that ends when the stage is filled

  __device__ void advance() {
    if (++index < kStages) return;
    index = 0;
    parity ^= 1;
  }
};

#ifdef VOLUTA_SIMT

inline void init_barrier(Mbarrier& barrier, int arrivals, simt::Site site = simt::Site::current()) {
  simt::init_barrier(barrier.state, arrivals, site);
}
inline void publish_barriers() {}
inline void arrive(Mbarrier& barrier, simt::Site site = simt::Site::current()) {
  simt::arrive(barrier.state, site);
}
inline void arrive_and_expect(Mbarrier& barrier, int bytes,
                              simt::Site site = simt::Site::current()) {
  simt::arrive_and_expect(barrier.state, bytes, site);
}
inline void wait_for_phase(Mbarrier& barrier, int parity, simt::Site site = simt::Site::current()) {
  simt::wait_for_phase(barrier.state, parity, site);
}

#else

__device__ inline uint32_t shared_address(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

// By one thread; then publish_barriers() by that thread, then __syncthreads().
__device__ inline void init_barrier(Mbarrier& barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(&barrier)),
               "r"(arrivals)
               : "memory");
}

// Makes initialised barriers known to the copy engine.
__device__ inline void publish_barriers() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ inline void arrive(Mbarrier& barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(&barrier))
               : "memory");
}

// Arrives, and adds `bytes` that copies must bring before the phase ends.
__device__ inline void arrive_and_expect(Mbarrier& barrier, int bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(&barrier)),
      "r"(bytes)
      : "memory");
}

__device__ inline void wait_for_phase(Mbarrier& barrier, int parity) {
  asm volatile(
      "{\n"
      ".reg .pred ended;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 ended, [%0], %1;\n"
      "@!ended bra again;\n"
      "}\n" ::"r"(shared_address(&barrier)),
      "r"(parity)
      : "memory");
}

#endif

}  // namespace voluta
