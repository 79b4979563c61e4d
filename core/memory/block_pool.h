#pragma once

// What the device pool and the pinned pool share: blocks lent from cached segments. See
// chunk_heap.h for the books, stream_clock.h for the order of streams, guards.h for debug mode.

#include <voluta/core/memory/block.h>
#include <voluta/core/memory/guards.h>
#include <voluta/core/memory/out_of_memory.h>

#include <mutex>

namespace voluta {

// Where segments come from, and what kind of memory it is.
struct MemorySource {
  std::string place;                           // for messages: "cuda:0"
  std::function<void*(std::size_t)> allocate;  // nullptr: full
  std::function<void(void*)> deallocate;       // does not throw
  std::function<MemoryInfo()> info;
  bool host_memory = false;  // the host may touch it
  bool host_writes = false;  // the host does, without waiting for a stream (pinned memory)
};

class BlockPool : public std::enable_shared_from_this<BlockPool> {
 public:
  BlockPool(Device device, MemorySource source, PoolOptions options);
  ~BlockPool();

  Block allocate(std::size_t bytes, Stream& stream, std::string_view tag);
  void record_use(Chunk* chunk, Stream& stream);
  // What debug mode found wrong with the block; empty for nothing.
  std::string release(Chunk* chunk) noexcept;
  void keep_damage(std::string damage) noexcept;  // for the next call to throw

  MemoryStats stats() const;
  std::size_t available_bytes() const;
  void trim();
  void set_limit(std::size_t bytes);
  void set_advice(MemoryAdvice advice);
  void check();

 private:
  void require_device(const Stream& stream) const;
  void throw_kept_damage();
  Chunk* find(std::size_t bytes, StreamHandle stream);
  Chunk* grow(std::size_t bytes, StreamHandle stream);
  bool add_segment(std::size_t bytes);
  void prepare(Chunk* chunk, std::size_t requested, std::string_view tag);
  void put_back(Chunk* chunk) noexcept;
  bool mark_uses(Chunk* chunk) noexcept;
  void settle(Chunk* chunk);
  void poll();
  void wait_for_all();
  void remove_empty_segments();
  bool others_past(const Chunk& chunk) const;
  std::optional<MemoryInfo> device_info() const;
  std::size_t available(const std::optional<MemoryInfo>& info) const;
  OutOfMemory report(std::size_t bytes, std::string_view tag) const;
  MemoryStats collect() const;

  const Device device_;
  Runtime& runtime_;
  const MemorySource source_;
  const PoolOptions options_;

  mutable std::mutex mutex_;
  StreamClock clock_;
  ChunkHeap heap_;
  Guards guards_;
  std::vector<Chunk*> pending_;  // given back, still used on other streams
  std::size_t pending_bytes_ = 0;
  std::size_t limit_bytes_;
  MemoryAdvice advice_;
  MemoryStats counts_;  // what collect() does not ask the heap for
  std::string damage_;  // found by a destructor, thrown by the next call
};

}  // namespace voluta
