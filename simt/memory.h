#pragma once

// Memory that the emulated devices know of: how much there is, and which addresses lie in it.

#include <cstddef>
#include <map>

namespace voluta::simt {

// Allocations of exactly the size asked for, so that ASan finds an access one byte past the end;
// filled with NaNs.
class Memory {
 public:
  explicit Memory(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  void* allocate(std::size_t bytes);  // 256-byte aligned; nullptr where the limit is reached
  bool deallocate(void* pointer);     // whether it was an allocation of this memory

  // Whether [pointer, pointer + bytes) lies in one live allocation.
  bool contains(const void* pointer, std::size_t bytes) const;

  std::size_t used_bytes() const { return used_bytes_; }
  std::size_t limit_bytes() const { return limit_bytes_; }
  void set_limit_bytes(std::size_t bytes) { limit_bytes_ = bytes; }

 private:
  std::size_t limit_bytes_, used_bytes_ = 0;
  std::map<const char*, std::size_t> allocations_;  // bytes, by address
};

}  // namespace voluta::simt
