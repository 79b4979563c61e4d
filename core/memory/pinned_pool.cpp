#include <voluta/core/memory/block_pool.h>
#include <voluta/core/memory/pinned_pool.h>

namespace voluta {
namespace {

MemorySource pinned_memory(Device device) {
  Runtime& runtime = voluta::runtime(device.type);
  return {.place = "the host (pinned)",
          .allocate = [&runtime](std::size_t bytes) { return runtime.allocate_pinned(bytes); },
          .deallocate = [&runtime](void* pointer) { runtime.deallocate_pinned(pointer); },
          .info = [] { return host_runtime().memory_info(0); },
          .host_memory = true,
          .host_writes = true};
}

}  // namespace

PinnedPool::PinnedPool(Device device, PoolOptions options)
    : pool_(std::make_shared<BlockPool>(device, pinned_memory(device), options)) {
  pool_->set_advice([](std::size_t) {
    return "prefetch fewer batches, use a smaller batch size, or end other programs";
  });
}

PinnedBlock PinnedPool::allocate(std::size_t bytes, Stream& stream, std::string_view tag) {
  return PinnedBlock(pool_->allocate(bytes, stream, tag));
}

MemoryStats PinnedPool::stats() const {
  return pool_->stats();
}
void PinnedPool::trim() {
  pool_->trim();
}
void PinnedPool::set_limit(std::size_t bytes) {
  pool_->set_limit(bytes);
}
void PinnedPool::check() {
  pool_->check();
}

}  // namespace voluta
