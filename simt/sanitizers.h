#pragma once

// What the sanitizers must be told about fibers and shared memory; nothing in other builds.
//
// Note [ThreadSanitizer as race checker]
// Each CUDA thread has a TSan context of its own, and switches between contexts order nothing. So
// two threads of a block are unordered unless a barrier orders them, although they share an OS
// thread, and a missing __syncthreads is a reported race. For that to hold:
//   - the emulator's own accesses are not recorded (IgnoreAccesses), or they would be races;
//   - shared memory and the tags of barriers are forgotten between blocks (mapped or allocated anew
//     while accesses are ignored);
//   - a context is used again only by a later block, and a worker's blocks take turns with two sets
//     of contexts, because creating one is slow. So blocks of one grid are unordered, but for
//     every second one of a worker;
//   - a worker's own context never acquires what CUDA threads released; the launching thread does,
//     when the whole grid has ended.

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
extern "C" void __tsan_ignore_thread_begin();
extern "C" void __tsan_ignore_thread_end();
#endif

namespace voluta::simt {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kAsan = true;
#else
constexpr bool kAsan = false;
#endif
#if defined(__SANITIZE_THREAD__)
constexpr bool kTsan = true;
#else
constexpr bool kTsan = false;
#endif

class IgnoreAccesses {
 public:
#if defined(__SANITIZE_THREAD__)
  IgnoreAccesses() {
    __tsan_ignore_thread_begin();
  }
  ~IgnoreAccesses() {
    __tsan_ignore_thread_end();
  }
#else
  IgnoreAccesses() {}
  ~IgnoreAccesses() {}
#endif
  IgnoreAccesses(const IgnoreAccesses&) = delete;
  IgnoreAccesses& operator=(const IgnoreAccesses&) = delete;
};

inline void tsan_release([[maybe_unused]] void* tag) {
#if defined(__SANITIZE_THREAD__)
  __tsan_release(tag);
#endif
}
inline void tsan_acquire([[maybe_unused]] void* tag) {
#if defined(__SANITIZE_THREAD__)
  __tsan_acquire(tag);
#endif
}

inline void asan_forbid([[maybe_unused]] void* from, [[maybe_unused]] std::size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(from, bytes);
#endif
}
inline void asan_allow([[maybe_unused]] void* from, [[maybe_unused]] std::size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(from, bytes);
#endif
}

}  // namespace voluta::simt
