#include <sys/mman.h>
#include <voluta/core/error.h>
#include <voluta/simt/fiber.h>
#include <voluta/simt/sanitizers.h>

#include <boost/context/detail/fcontext.hpp>

namespace voluta::simt {
namespace {

using boost::context::detail::fcontext_t;
using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

// Instrumented frames are larger, and a sanitizer prints its report on the stack it stands on.
constexpr std::size_t kStackBytes = (kAsan || kTsan ? 256 : 64) * 1024;
constexpr std::size_t kGuardBytes = 4096;

// Stacks that begin at the same place of a page would fight for the same few cache sets, so each
// begins some cache lines further down than the last.
constexpr unsigned kColours = 16;
constexpr std::size_t kColourBytes = 256;

std::size_t next_colour_bytes() {
  static constinit thread_local unsigned count = 0;
  return count++ % kColours * kColourBytes;
}

// An overflow runs into the guard page and faults.
char* allocate_stack() {
  void* memory = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, kGuardBytes, PROT_NONE) != 0) {
    fail(ErrorKind::kFailed,
         "simt: no memory for the stack of another CUDA thread; lower VOLUTA_SIMT_THREADS");
  }
  return static_cast<char*>(memory) + kGuardBytes;
}

void free_stack(char* stack) {
  asan_allow(stack, kStackBytes);  // the next mapping here starts clean
  munmap(stack - kGuardBytes, kGuardBytes + kStackBytes);
}

}  // namespace

struct Fiber::Entry {
  static void run(transfer_t from) {
    Fiber& fiber = *static_cast<Fiber*>(from.data);
    fiber.caller_ = from.fctx;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &fiber.caller_stack_, &fiber.caller_stack_bytes_);
#endif
    for (;;) {
      fiber.body_(fiber.argument_);
      fiber.suspend();
    }
  }
};

Fiber::Fiber(Body body, void* argument)
    : body_(body), argument_(argument), stack_(allocate_stack()) {
  const std::size_t usable = kStackBytes - next_colour_bytes();
  context_ = make_fcontext(stack_ + usable, usable, Entry::run);
#if defined(__SANITIZE_THREAD__)
  tsan_ = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
#if defined(__SANITIZE_THREAD__)
  __tsan_destroy_fiber(tsan_);
#endif
  free_stack(stack_);
}

void Fiber::resume() {
#if defined(__SANITIZE_ADDRESS__)
  void* fake_stack = nullptr;
  __sanitizer_start_switch_fiber(&fake_stack, stack_, kStackBytes);
#endif
#if defined(__SANITIZE_THREAD__)
  caller_tsan_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(tsan_, __tsan_switch_to_fiber_no_sync);
#endif
  context_ = jump_fcontext(context_, this).fctx;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#endif
}

void Fiber::suspend() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&fake_stack_, caller_stack_, caller_stack_bytes_);
#endif
#if defined(__SANITIZE_THREAD__)
  __tsan_switch_to_fiber(caller_tsan_, __tsan_switch_to_fiber_no_sync);
#endif
  caller_ = jump_fcontext(caller_, nullptr).fctx;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake_stack_, &caller_stack_, &caller_stack_bytes_);
#endif
}

}  // namespace voluta::simt
