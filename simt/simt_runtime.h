#pragma once

// What the SIMT runtime offers tests beyond the Runtime interface. See simt/README.md for how its
// streams differ from a GPU's.

#include <cstddef>

namespace voluta::simt {

// Forgets a device's failure (which is sticky, as on a GPU) and the work still in its queues.
void reset_device(int device = 0);

// Another size of a device's memory for a scope (default: VOLUTA_SIMT_MEMORY, 4 GiB).
class ScopedMemoryLimit {
 public:
  explicit ScopedMemoryLimit(std::size_t bytes, int device = 0);
  ~ScopedMemoryLimit();
  ScopedMemoryLimit(const ScopedMemoryLimit&) = delete;
  ScopedMemoryLimit& operator=(const ScopedMemoryLimit&) = delete;

 private:
  int device_;
  std::size_t previous_;
};

}  // namespace voluta::simt
