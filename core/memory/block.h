#pragma once

// A piece of memory that a pool lent. It goes back by itself.

#include <voluta/core/device/stream.h>
#include <voluta/core/memory/memory_stats.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

namespace voluta {

class BlockPool;
struct Chunk;

// Move-only owner of `bytes()` bytes, aligned to 256. It may outlive its pool object, but not a
// stream that it was allocated for or recorded on: giving it back marks its place on them.
class Block {
 public:
  Block() = default;
  ~Block();
  Block(Block&& other) noexcept;
  Block& operator=(Block&& other) noexcept;

  explicit operator bool() const { return chunk_ != nullptr; }
  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }

  // Another stream of the same device uses the block: its memory is not lent again before what
  // stands on that stream when the block goes back has finished.
  void record_use(Stream& stream);

  // Gives the memory back now. Debug mode: throws kFailed where the guards around the block were
  // overwritten. The destructor gives back too, but leaves that error to the pool's next call.
  void reset();

 private:
  friend class BlockPool;
  Block(std::shared_ptr<BlockPool> pool, Chunk* chunk, void* data, std::size_t bytes);

  std::shared_ptr<BlockPool> pool_;
  Chunk* chunk_ = nullptr;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

// VOLUTA_DEBUG_MEMORY=1 in the environment.
bool debug_memory_requested();

inline constexpr std::size_t kNoMemoryLimit = SIZE_MAX;

struct PoolOptions {
  bool debug = debug_memory_requested();     // poison and guards; each call waits for the stream
  std::size_t limit_bytes = kNoMemoryLimit;  // of what the pool takes from the device
};

// Says what would fit in `available_bytes`, in a sentence without a full stop:
// "a batch of 48 would fit".
using MemoryAdvice = std::function<std::string(std::size_t available_bytes)>;

}  // namespace voluta
