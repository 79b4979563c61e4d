#pragma once

// How the CPU engines of the room split rows: into runs whose number depends on the extents alone,
// so that sums have the same bits whatever the number of threads. Internal to the room.

#include <voluta/kernels/common/parallel.h>

#include <algorithm>
#include <cstdint>

namespace voluta::batch_norm {

// Rows 0 .. rows-1 in `count` runs of nearly the same length.
struct Runs {
  int64_t rows, count;

  explicit Runs(int64_t all_rows)
      : rows(all_rows), count(std::clamp<int64_t>(all_rows / 16, 1, 64)) {}
  int64_t begin(int64_t run) const { return rows * run / count; }
  int64_t end(int64_t run) const { return begin(run + 1); }
};

}  // namespace voluta::batch_norm
