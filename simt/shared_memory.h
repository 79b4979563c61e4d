#pragma once

// The shared memory of one block: variables cut from an arena at their first use in the block,
// filled with NaNs, with guard words on both sides that are checked when the block ends.

#include <cstddef>
#include <string>
#include <vector>

namespace voluta::simt {

class SharedMemory {
 public:
  SharedMemory();
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  void begin_block(std::size_t dynamic_bytes);

  // The variable known by `tag`. Throws where the block would hold more than kMaxSharedBytes.
  void* variable(const void* tag, const char* name, std::size_t bytes, std::size_t alignment);
  void* dynamic(const char* name);
  bool contains(const void* pointer) const;
  // What `pointer`, into a variable, is in `other`; nullptr where that block has no such variable.
  void* counterpart(const void* pointer, const SharedMemory& other) const;
  // Page-aligned: shared addresses count from here. nullptr before the first variable.
  std::byte* base() const { return reinterpret_cast<std::byte*>(arena_); }

  // Empty, or what was written outside the variables: "shared memory after 'tile' (64 bytes) ...".
  std::string end_block();

 private:
  struct Variable {
    const void* tag;
    const char* name;
    std::size_t offset, bytes;  // in the arena
    std::size_t guarded_until;  // guard words lie between its end and here
  };

  void* add(const void* tag, const char* name, std::size_t bytes, std::size_t alignment);
  bool guard_intact(std::size_t from, std::size_t to) const;

  char* arena_ = nullptr;
  std::size_t used_ = 0;         // of the arena, guards included
  std::size_t asked_bytes_ = 0;  // what counts against the limit
  std::size_t dynamic_bytes_ = 0;
  std::vector<Variable> variables_;
};

}  // namespace voluta::simt
