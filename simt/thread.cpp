// What CUDA threads call: the way from thread.h, shared.h and warp.h to the block that runs them.

#include <fmt/format.h>
#include <voluta/simt/block.h>
#include <voluta/simt/sanitizers.h>
#include <voluta/simt/shared.h>
#include <voluta/simt/thread.h>

namespace voluta::simt {
namespace {

constexpr const char* kBarrierNames[] = {"__syncthreads", "__syncthreads_count",
                                         "__syncthreads_and", "__syncthreads_or"};

void use_named_barrier(const char* name, int id, int threads, bool arrive_only, Site site) {
  if (id < 0 || id > 15 || threads <= 0 || threads % kWarpSize != 0) {
    kernel_error("a named barrier has an id of 0 to 15 and a multiple of 32 threads", site);
  }
  Wait wait{.kind = Wait::Kind::kNamedBarrier, .name = name, .site = site};
  wait.id = id;
  wait.threads = threads;
  wait.arrive_only = arrive_only;
  Block::current(name).wait(wait);
}

}  // namespace

int block_barrier(Barrier kind, bool predicate, Site site) {
  const char* name = kBarrierNames[static_cast<int>(kind)];
  Wait wait{.kind = Wait::Kind::kBlockBarrier, .name = name, .site = site};
  wait.barrier = kind;
  wait.predicate = predicate;
  Block::current(name).wait(wait);
  return wait.result;
}

void named_barrier(int id, int threads, Site site) {
  use_named_barrier("bar.sync", id, threads, false, site);
}

void named_barrier_arrive(int id, int threads, Site site) {
  use_named_barrier("bar.arrive", id, threads, true, site);
}

void warp_collective(const char* name, Complete complete, uint32_t mask, void* data, Site site) {
  Wait wait{.kind = Wait::Kind::kWarp, .name = name, .site = site};
  wait.mask = mask;
  wait.complete = complete;
  wait.data = data;
  Block::current(name).wait(wait);
}

// Each lane releases a tag of its own and acquires those of the others.
void sync_warp(uint32_t mask, Site site) {
  struct Lane {
    void* own;
    void* others[kWarpSize];
  } lane{Block::current("__syncwarp").next_warp_tag(), {}};
  if (lane.own != nullptr) tsan_release(lane.own);
  collective(
      "__syncwarp", mask, lane,
      [](Lane*(&lanes)[kWarpSize]) {
        for (int i = 0; kTsan && i < kWarpSize; ++i) {
          for (int j = 0; lanes[i] != nullptr && j < kWarpSize; ++j) {
            lanes[i]->others[j] = lanes[j] == nullptr ? nullptr : lanes[j]->own;
          }
        }
      },
      site);
  for (int i = 0; kTsan && i < kWarpSize; ++i) {
    if (lane.others[i] != nullptr) tsan_acquire(lane.others[i]);
  }
}

void wait_until(const char* what, Ready ready, void* state, Site site) {
  Wait wait{.kind = Wait::Kind::kCondition, .name = what, .site = site};
  wait.data = state;
  wait.ready = ready;
  Block::current(what).wait(wait);
}

bool coin() {
  const IgnoreAccesses ignore;
  return Block::current("a coin").coin();
}

void yield(Site site) {
  wait_until(
      "yield", [](void*) { return true; }, nullptr, site);
}

void order_release(void* tag) {
  tsan_release(tag);
}
void order_acquire(void* tag) {
  tsan_acquire(tag);
}

void memory_fence() {
  if constexpr (kTsan) {
    void* tag = Block::current("__threadfence").fence_tag();
    tsan_acquire(tag);
    tsan_release(tag);
  }
}

void fenced_atomic() {
  if constexpr (kTsan) {
    if (Block* block = Block::current_or_null()) tsan_acquire(block->fence_tag());
  }
}

uint32_t existing_lanes() {
  return Block::current("a warp operation").existing_lanes();
}

uint32_t live_lanes() {
  const IgnoreAccesses ignore;
  return Block::current("__activemask").live_lanes();
}

void kernel_error(const char* message, Site site) {
  fail(ErrorKind::kFailed, fmt::format("{} at {}:{}", message, site.file_name(), site.line()));
}

void* shared_variable(const void* tag, const char* name, std::size_t bytes, std::size_t alignment) {
  const IgnoreAccesses ignore;
  return Block::current("VOLUTA_SHARED").shared().variable(tag, name, bytes, alignment);
}

void* dynamic_shared(const char* name) {
  const IgnoreAccesses ignore;
  return Block::current("VOLUTA_DYNAMIC_SHARED").shared().dynamic(name);
}

bool is_shared(const void* pointer) {
  const IgnoreAccesses ignore;
  return Block::current("__isShared").shared().contains(pointer);
}

}  // namespace voluta::simt
