#pragma once

// Device memory for what lives outside plans: states, inputs, the arenas themselves.
//
// Requests are rounded to 512 bytes. What is then below 1 MiB shares segments of 2 MiB, larger ones
// get segments rounded to 2 MiB. Best fit, split and merged. Memory that a stream gave back serves
// the same stream at once, and others when what that stream had queued has finished: see
// Note [When a free chunk may be used again] in chunk_heap.h.
//
// Thread-safe. Not for use on a stream that is being captured into a graph.

#include <voluta/core/memory/block.h>

namespace voluta {

class CachingPool {
 public:
  explicit CachingPool(Device device, PoolOptions options = {});

  // Memory for work on `stream`. The tag names the holder in reports. Zero bytes are a valid
  // request. Throws kOutOfMemory after the cache was freed and the device asked a second time;
  // the message says who holds what. Throws invalid() for a stream of another device.
  Block allocate(std::size_t bytes, Stream& stream, std::string_view tag);

  MemoryStats stats() const;

  // What one allocation could get at most: free on the device and in empty segments, within the
  // limit.
  std::size_t available_bytes() const;

  void trim();  // gives unused segments back to the device; does not wait for streams
  void set_limit(std::size_t bytes);
  void set_advice(MemoryAdvice advice);  // ends the out-of-memory message; empty for the default

  // Debug mode: throws kFailed where the guards of a live block are overwritten, or were when its
  // destructor gave it back. allocate() and trim() report the latter as well.
  void check();

 private:
  std::shared_ptr<BlockPool> pool_;
};

}  // namespace voluta
