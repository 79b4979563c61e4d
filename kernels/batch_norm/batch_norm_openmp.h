#pragma once

// What the CPU engines of the room share: f's argument, and how they split rows: into runs whose
// number depends on the extents alone, so that sums have the same bits whatever the number of
// threads. Internal to the room.

#include <voluta/kernels/batch_norm/batch_norm_activation.h>
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

// f's argument without z. Gradients compute it again and get the same bits.
inline float normalised(float x, float mean, float scale, float bias) {
  return (x - mean) * scale + bias;
}

}  // namespace voluta::batch_norm
