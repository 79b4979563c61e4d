#pragma once

// What the asynchronous units of sm_90 still have to do for a block: bulk copies on their way to
// shared memory, and products that the tensor cores have accepted.

#include <voluta/simt/wgmma.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace voluta::simt {

struct BulkCopy {
  uint64_t* barrier;
  int bytes;
  std::function<void()> deliver;
};

// A warp's quarter of a wgmma, with the accumulators of its lanes.
struct WarpProduct {
  Wgmma instruction;
  int rows_from;  // 0, 16, 32 or 48 of the 64
  float* sums[kWarpSize];
  int group;
};

struct WarpProducts {
  int open_group = 0;
  std::vector<WarpProduct> pending;  // oldest first
};

struct BulkWork {
  std::vector<BulkCopy> copies;
  std::vector<WarpProducts> warps;
};

}  // namespace voluta::simt
