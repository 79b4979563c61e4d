#pragma once

// The copies of cp.async that one CUDA thread has under way; see async_copy.h.

#include <vector>

namespace voluta::simt {

struct AsyncCopy {
  void* to;
  int bytes;
  int group;  // that it was started for
  alignas(16) unsigned char data[16];
};

struct AsyncCopies {
  std::vector<AsyncCopy> pending;  // in the order of their start
  int open_group = 0;              // the number of commits so far
};

}  // namespace voluta::simt
