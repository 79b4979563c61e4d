#include <voluta/core/memory/block_pool.h>
#include <voluta/core/memory/caching_pool.h>

namespace voluta {
namespace {

MemorySource device_memory(Device device) {
  Runtime& runtime = voluta::runtime(device.type);
  return {.place = to_string(device),
          .allocate = [&runtime,
                       device](std::size_t bytes) { return runtime.allocate(device.index, bytes); },
          .deallocate = [&runtime, device](void* p) { runtime.deallocate(device.index, p); },
          .info = [&runtime, device] { return runtime.memory_info(device.index); },
          .host_memory = runtime.name() != "cuda"};
}

}  // namespace

CachingPool::CachingPool(Device device, PoolOptions options)
    : pool_(std::make_shared<BlockPool>(device, device_memory(device), options)) {}

Block CachingPool::allocate(std::size_t bytes, Stream& stream, std::string_view tag) {
  return pool_->allocate(bytes, stream, tag);
}

MemoryStats CachingPool::stats() const {
  return pool_->stats();
}
std::size_t CachingPool::available_bytes() const {
  return pool_->available_bytes();
}
void CachingPool::trim() {
  pool_->trim();
}
void CachingPool::set_limit(std::size_t bytes) {
  pool_->set_limit(bytes);
}
void CachingPool::set_advice(MemoryAdvice advice) {
  pool_->set_advice(std::move(advice));
}
void CachingPool::check() {
  pool_->check();
}

}  // namespace voluta
