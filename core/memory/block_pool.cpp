#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/core/memory/block_pool.h>

#include <algorithm>
#include <utility>

namespace voluta {
namespace {

// Bytes of the chunk that holds a request; kNoMemoryLimit where it is beyond all memory.
std::size_t chunk_bytes(std::size_t requested, bool debug) {
  const std::size_t extra = (debug ? 2 * kGuardBytes : 0) + kChunkGranularity;
  if (requested > kNoMemoryLimit - extra) return kNoMemoryLimit;
  const std::size_t bytes = std::max<std::size_t>(requested + (debug ? 2 * kGuardBytes : 0), 1);
  return (bytes + kChunkGranularity - 1) / kChunkGranularity * kChunkGranularity;
}

}  // namespace

BlockPool::BlockPool(Device device, MemorySource source, PoolOptions options)
    : device_(device),
      runtime_(runtime(device.type)),
      source_(std::move(source)),
      options_(options),
      clock_(runtime_, device.index),
      heap_(clock_, !source_.host_writes),
      guards_(runtime_, device.index, source_.host_memory),
      limit_bytes_(options.limit_bytes) {}

BlockPool::~BlockPool() {
  try {
    clock_.wait();
  } catch (const std::exception&) {
    // The device is lost; its memory goes with it.
  }
  heap_.for_each_segment([&](void* address, std::size_t bytes) {
    if (source_.host_memory) unfence(address, bytes);
    source_.deallocate(address);
  });
}

Block BlockPool::allocate(std::size_t bytes, Stream& stream, std::string_view tag) {
  require_device(stream);
  std::unique_lock lock(mutex_);
  throw_kept_damage();
  const std::size_t padded = chunk_bytes(bytes, options_.debug);
  Chunk* chunk = find(padded, stream.handle());
  if (chunk == nullptr) chunk = grow(padded, stream.handle());
  if (chunk == nullptr) {
    OutOfMemory failure = report(bytes, tag);
    const std::size_t fitting = available(failure.device);
    const MemoryAdvice advice = advice_;
    lock.unlock();  // the adviser may look at this pool
    if (advice) failure.advice = advice(fitting);
    fail(ErrorKind::kOutOfMemory, to_string(std::move(failure)));
  }
  prepare(chunk, bytes, tag);
  void* data = options_.debug ? Guards::user_address(*chunk) : chunk->address;
  return Block(shared_from_this(), chunk, data, bytes);
}

void BlockPool::record_use(Chunk* chunk, Stream& stream) {
  require_device(stream);
  const std::lock_guard lock(mutex_);
  auto& others = chunk->other_streams;
  if (stream.handle() == chunk->home) return;
  if (std::find(others.begin(), others.end(), stream.handle()) == others.end()) {
    others.push_back(stream.handle());
  }
}

std::string BlockPool::release(Chunk* chunk) noexcept {
  const std::lock_guard lock(mutex_);
  std::string damage;
  if (options_.debug) {
    try {
      damage = guards_.check(*chunk);
      if (!damage.empty()) damage = fmt::format("memory on {}: {}", source_.place, damage);
    } catch (const std::exception&) {
      // The device failed, not the block: whoever synchronises next hears of it.
    }
  }
  --counts_.blocks;
  ++counts_.frees;
  counts_.requested_bytes -= chunk->requested_bytes;
  counts_.allocated_bytes -= chunk->bytes;
  put_back(chunk);
  return damage;
}

void BlockPool::keep_damage(std::string damage) noexcept {
  const std::lock_guard lock(mutex_);
  if (damage_.empty()) damage_ = std::move(damage);
}

void BlockPool::trim() {
  const std::lock_guard lock(mutex_);
  throw_kept_damage();
  poll();
  heap_.merge_past();
  remove_empty_segments();
}

void BlockPool::set_limit(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  limit_bytes_ = bytes;
}

void BlockPool::set_advice(MemoryAdvice advice) {
  const std::lock_guard lock(mutex_);
  advice_ = std::move(advice);
}

void BlockPool::check() {
  const std::lock_guard lock(mutex_);
  throw_kept_damage();
  if (!options_.debug) return;
  heap_.for_each_chunk([&](const Chunk& chunk) {
    if (chunk.state != Chunk::State::kUsed) return;
    const std::string damage = guards_.check(chunk);
    if (!damage.empty()) {
      fail(ErrorKind::kFailed, fmt::format("memory on {}: {}", source_.place, damage));
    }
  });
}

void BlockPool::require_device(const Stream& stream) const {
  if (stream.device() == device_) return;
  invalid(
      fmt::format("a stream of {} was given to a memory pool of {}; use a stream of the "
                  "pool's device",
                  to_string(stream.device()), to_string(device_)));
}

void BlockPool::throw_kept_damage() {
  if (!damage_.empty()) fail(ErrorKind::kFailed, std::exchange(damage_, {}));
}

// A cached chunk; looks at the events and merges across streams only when nothing fits else.
Chunk* BlockPool::find(std::size_t bytes, StreamHandle stream) {
  if (Chunk* chunk = heap_.take(bytes, stream)) return chunk;
  poll();
  if (Chunk* chunk = heap_.take(bytes, stream)) return chunk;
  return heap_.merge_past() ? heap_.take(bytes, stream) : nullptr;
}

// A chunk of a new segment. Where the device is full: waits, frees the cache, tries once more.
Chunk* BlockPool::grow(std::size_t bytes, StreamHandle stream) {
  if (add_segment(bytes)) return heap_.take(bytes, stream);
  wait_for_all();
  heap_.merge_past();
  if (Chunk* chunk = heap_.take(bytes, stream)) return chunk;
  remove_empty_segments();
  return add_segment(bytes) ? heap_.take(bytes, stream) : nullptr;
}

bool BlockPool::add_segment(std::size_t bytes) {
  const std::size_t wanted = ChunkHeap::segment_bytes(bytes);
  const std::size_t reserved = heap_.reserved_bytes();
  if (wanted > limit_bytes_ - std::min(limit_bytes_, reserved)) return false;
  void* address = source_.allocate(wanted);
  if (address == nullptr) return false;
  heap_.add_segment(address, bytes);
  if (source_.host_memory) fence(address, wanted);
  counts_.peak_reserved_bytes = std::max(counts_.peak_reserved_bytes, reserved + wanted);
  return true;
}

void BlockPool::prepare(Chunk* chunk, std::size_t requested, std::string_view tag) {
  chunk->requested_bytes = requested;
  chunk->tag = tag;
  chunk->other_streams.clear();
  if (source_.host_memory) unfence(chunk->address, chunk->bytes);
  if (options_.debug) {
    try {
      guards_.arm(*chunk);
    } catch (...) {
      put_back(chunk);
      throw;
    }
  }
  ++counts_.blocks;
  ++counts_.allocations;
  counts_.requested_bytes += requested;
  counts_.allocated_bytes += chunk->bytes;
  counts_.peak_allocated_bytes = std::max(counts_.peak_allocated_bytes, counts_.allocated_bytes);
}

void BlockPool::put_back(Chunk* chunk) noexcept {
  const bool marked = mark_uses(chunk);
  chunk->other_streams.clear();
  if (marked && chunk->other_uses.empty()) {
    settle(chunk);
    return;
  }
  // Without marks nothing proves that the chunk is no longer used: it is not lent again.
  if (!marked) chunk->other_uses.assign(1, StreamMark{nullptr, kNeverPast});
  chunk->state = Chunk::State::kPending;
  pending_.push_back(chunk);
  pending_bytes_ += chunk->bytes;
}

// Marks the chunk's place on all of its streams. Where that fails, waiting for them does as well;
// false where that fails too.
bool BlockPool::mark_uses(Chunk* chunk) noexcept {
  chunk->other_uses.clear();
  try {
    chunk->last_use = clock_.mark(chunk->home);
    for (StreamHandle stream : chunk->other_streams) {
      chunk->other_uses.push_back(clock_.mark(stream));
    }
    // Debug mode waits for the marks, so that freed memory is fenced off at once.
    if (options_.debug) runtime_.synchronize(device_.index, chunk->home);
    if (options_.debug || (fences_work() && source_.host_memory)) clock_.poll(chunk->home);
    return true;
  } catch (const std::exception&) {
  }
  try {
    runtime_.synchronize(device_.index, chunk->home);
    for (StreamHandle stream : chunk->other_streams) {
      runtime_.synchronize(device_.index, stream);
    }
  } catch (const std::exception&) {
    return false;
  }
  chunk->last_use = {};
  chunk->other_uses.clear();
  return true;
}

// To the free lists: only its home stream, if any, still uses the chunk.
void BlockPool::settle(Chunk* chunk) {
  if (source_.host_memory && clock_.past(chunk->last_use)) fence(chunk->address, chunk->bytes);
  heap_.give(chunk);
}

void BlockPool::poll() {
  clock_.poll();
  std::erase_if(pending_, [&](Chunk* chunk) {
    if (!others_past(*chunk)) return false;
    pending_bytes_ -= chunk->bytes;
    settle(chunk);
    return true;
  });
}

void BlockPool::wait_for_all() {
  clock_.wait();
  poll();
}

void BlockPool::remove_empty_segments() {
  for (const auto& [address, bytes] : heap_.remove_empty_segments()) {
    if (source_.host_memory) unfence(address, bytes);
    source_.deallocate(address);
  }
}

bool BlockPool::others_past(const Chunk& chunk) const {
  return std::all_of(chunk.other_uses.begin(), chunk.other_uses.end(),
                     [&](const StreamMark& mark) { return clock_.past(mark); });
}

}  // namespace voluta
