#pragma once

// How the pixels of dx, [N,H,W], fall into the parts of Note [Sums for the gradient in front]:
// kernels compute dx in tiles of 128 pixels of one phase of the stride (conv2d_phases.cuh). Internal
// to the room.
//
//   phase (a, b): pixels (a + i u, b + j v)      a < min(u, H), b < min(v, W)
//   parts of 128 of its pixels each, in the order (n, i, j); phases in the order (a, b)

#include <voluta/kernels/conv2d/conv2d_geometry.h>

#include <algorithm>

namespace voluta {

constexpr int64_t kSumRows = 128;  // pixels in one part

// Parts by phase. Along an axis the first `more` phases have one pixel more than the others.
template <class Int>
struct SumParts {
  Int vertical_phases, horizontal_phases;
  Int vertical_more, horizontal_more;
  Int of[2][2];  // parts of a phase with more pixels, or not, down and across

  explicit SumParts(const Conv2dGeometry& g)
      : vertical_phases(static_cast<Int>(std::min(g.u, g.h))),
        horizontal_phases(static_cast<Int>(std::min(g.v, g.w))),
        vertical_more(static_cast<Int>(g.h % g.u)),
        horizontal_more(static_cast<Int>(g.w % g.v)) {
    for (int down = 0; down < 2; ++down) {
      for (int across = 0; across < 2; ++across) {
        const int64_t pixels = g.n * (g.h / g.u + down) * (g.w / g.v + across);
        of[down][across] = static_cast<Int>((pixels + kSumRows - 1) / kSumRows);
      }
    }
  }

  // The first part of phase (a, b).
  VOLUTA_HOST_DEVICE Int first(Int a, Int b) const {
    const Int longer = a < vertical_more ? a : vertical_more;
    return longer * across(1, horizontal_phases) + (a - longer) * across(0, horizontal_phases) +
           across(a < vertical_more ? 1 : 0, b);
  }
  VOLUTA_HOST_DEVICE Int count() const { return first(vertical_phases, 0); }

 private:
  // Of the first `b` phases of a row of phases.
  VOLUTA_HOST_DEVICE Int across(int down, Int b) const {
    const Int wider = b < horizontal_more ? b : horizontal_more;
    return wider * of[down][1] + (b - wider) * of[down][0];
  }
};

}  // namespace voluta
