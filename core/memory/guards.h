#pragma once

// The debug mode's witnesses around and inside a block.
//
//   chunk  | guard, 256 bytes | the caller's bytes, poisoned | guard, 256 bytes or more |
//
// The caller's bytes start as 0xFF (NaN in every float type), the guards hold a pattern that is
// compared when the block is given back. Under AddressSanitizer, memory of the host (the CPU
// device, the SIMT build, pinned memory) is fenced as well: guards and free chunks cannot be
// touched without a report.

#include <voluta/core/memory/chunk_heap.h>

namespace voluta {

inline constexpr std::size_t kGuardBytes = 256;

// Forbids or allows the host to touch memory, where AddressSanitizer watches; else does nothing.
void fence(const void* address, std::size_t bytes);
void unfence(const void* address, std::size_t bytes);
bool fences_work();  // this build has AddressSanitizer

class Guards {
 public:
  // `host_memory`: the host may read and write the memory itself.
  Guards(Runtime& runtime, int device, bool host_memory)
      : runtime_(runtime), device_(device), host_memory_(host_memory) {}

  static char* user_address(const Chunk& chunk) { return chunk.address + kGuardBytes; }

  void arm(const Chunk& chunk);  // guards and poison, in the order of the home stream

  // Waits for the chunk's streams and compares its guards. Empty where they are whole, else what
  // was overwritten: "3 bytes behind the end of block 'x' (100 bytes) were overwritten, ...".
  std::string check(const Chunk& chunk);

 private:
  void set(char* address, int byte, std::size_t bytes, StreamHandle stream);
  std::string check_zone(const Chunk& chunk, char* zone, std::size_t bytes);

  Runtime& runtime_;
  int device_;
  bool host_memory_;
};

}  // namespace voluta
