#pragma once

// Page-locked host memory for copies from and to a device. Like the CachingPool, with one rule
// more: the host writes a block the moment it gets it, without waiting for a stream, so memory is
// lent again, to any stream, only when the copies that used it have finished.
//
// Thread-safe. Not for use on a stream that is being captured into a graph.

#include <voluta/core/memory/block.h>

namespace voluta {

class PinnedBlock {
 public:
  PinnedBlock() = default;

  explicit operator bool() const { return static_cast<bool>(block_); }
  void* data() const { return block_.data(); }
  std::size_t bytes() const { return block_.bytes(); }
  template <class T>
  T* as() const {
    return block_.as<T>();
  }
  void record_use(Stream& stream) { block_.record_use(stream); }
  void reset() { block_.reset(); }

 private:
  friend class PinnedPool;
  explicit PinnedBlock(Block block) : block_(std::move(block)) {}

  Block block_;
};

class PinnedPool {
 public:
  explicit PinnedPool(Device device, PoolOptions options = {});

  // Host memory for copies on `stream`. Errors as CachingPool::allocate.
  PinnedBlock allocate(std::size_t bytes, Stream& stream, std::string_view tag);

  MemoryStats stats() const;
  void trim();  // gives unused segments back to the host; does not wait for streams
  void set_limit(std::size_t bytes);
  void check();  // as CachingPool::check

 private:
  std::shared_ptr<BlockPool> pool_;
};

}  // namespace voluta
