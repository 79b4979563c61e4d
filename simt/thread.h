#pragma once

// What one CUDA thread sees of the emulator: its indices, and the ways in which it can wait.
// Kernels use the CUDA names in cuda_runtime.h; host models of instructions (mma.sync, mbarrier,
// cp.async, ...) are built from collective(), wait_until() and the two ordering calls here.

#include <voluta/simt/vector_types.h>

#include <cstdint>
#include <source_location>
#include <type_traits>

// Thread-local, because the fibers of a block share one OS thread and never leave it; set at each
// switch. constinit spares each access the wrapper that guards dynamic initialisation.
extern constinit thread_local uint3 threadIdx;
extern constinit thread_local uint3 blockIdx;
extern constinit thread_local dim3 blockDim;
extern constinit thread_local dim3 gridDim;
constexpr int warpSize = 32;

namespace voluta::simt {

using Site = std::source_location;

constexpr int kWarpSize = 32;
constexpr uint32_t kFullMask = 0xffffffffu;

// The lanes that take part in a warp operation: lane i's data where bit i of `mask` is set and the
// thread exists (the last warp of a block may be partial), else nullptr.
struct Lanes {
  uint32_t mask;
  void* data[kWarpSize];
};

// Called once, when all lanes have arrived; writes each lane's result into its data. It must not
// wait. It also tells operations apart: lanes meet only where `complete` and the mask agree.
using Complete = void (*)(Lanes&);

// Waits until every lane named in `mask` has called the same operation with the same mask. Like
// CUDA's shuffles and votes it orders no memory; __syncwarp does. `name` is for messages.
void warp_collective(const char* name, Complete complete, uint32_t mask, void* data, Site site);

void sync_warp(uint32_t mask, Site site);

// The typed form: `combine(T* (&lanes)[32])` sees each lane's `data` (nullptr where absent). F must
// capture nothing.
template <class T, class F>
void collective(const char* name, uint32_t mask, T& data, F, Site site) {
  static_assert(std::is_empty_v<F>, "lanes meet by the type of the operation; capture nothing");
  constexpr Complete complete = [](Lanes& lanes) {
    T* typed[kWarpSize];
    for (int i = 0; i < kWarpSize; ++i) typed[i] = static_cast<T*>(lanes.data[i]);
    F{}(typed);
  };
  warp_collective(name, complete, mask, &data, site);
}

enum class Barrier { kSync, kCount, kAnd, kOr };

// All threads of the block that have not exited; the result is the count, conjunction or
// disjunction of the predicates.
int block_barrier(Barrier kind, bool predicate, Site site);

// bar.sync id, threads: a barrier of part of a block. `threads` is a multiple of 32.
void named_barrier(int id, int threads, Site site);

// bar.arrive: counts as an arrival at that barrier and goes on.
void named_barrier_arrive(int id, int threads, Site site);

// Waits until `ready()` holds. Other threads run meanwhile; `ready` is called by the scheduler, so
// it must not wait. A block in which nobody can go on is reported as a deadlock naming `what`.
using Ready = bool (*)(void* state);
void wait_until(const char* what, Ready ready, void* state, Site site);

template <class F>
void wait_until(const char* what, F ready, Site site) {
  wait_until(
      what, [](void* state) { return (*static_cast<F*>(state))(); }, &ready, site);
}

// Of the block's seed; false without one. What the hardware may do early or late, a model does
// when the coin says so.
bool coin();

// Lets the other threads of the block run first (__nanosleep, spin loops).
void yield(Site site);

// Tells ThreadSanitizer what a synchronising instruction orders: what happened before a release of
// `tag` in one thread has happened for a thread that acquires it later. Nothing in other builds.
void order_release(void* tag);
void order_acquire(void* tag);

// __threadfence: everything before it is visible to whoever next fences or touches an atomic.
void memory_fence();
void fenced_atomic();  // the second half of that, for TSan; called by each atomic

extern constinit thread_local int linear_thread_index;  // x fastest
inline int lane_index() {
  return linear_thread_index & (kWarpSize - 1);
}

uint32_t existing_lanes();  // of the own warp: not all 32 in the last warp of some blocks
uint32_t live_lanes();      // those that have not exited

// Fails the kernel with a message that names kernel, block, thread and `site`.
[[noreturn]] void kernel_error(const char* message, Site site);

}  // namespace voluta::simt
