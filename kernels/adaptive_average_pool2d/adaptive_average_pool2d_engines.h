#pragma once

// The engines of the room, and what they share: which window covers what. Internal.

#include <voluta/core/macros.h>
#include <voluta/kernels/adaptive_average_pool2d/adaptive_average_pool2d.h>
#include <voluta/kernels/common/fast_divide.h>

namespace voluta {

extern const Engine kAdaptiveAveragePool2dGlobalReduction;
extern const Engine kAdaptiveAveragePool2dGather;
extern const Engine kAdaptiveAveragePool2dOpenmp;
extern const Engine kAdaptiveAveragePool2dReference;

extern const Engine kAdaptiveAveragePool2dGradientGather;
extern const Engine kAdaptiveAveragePool2dGradientOpenmp;
extern const Engine kAdaptiveAveragePool2dGradientReference;

// One axis of `from` positions in `to` windows.
struct AdaptiveAxis {
  int from = 1, to = 1;
  FastDivisor by_to;

  AdaptiveAxis(int64_t from, int64_t to)
      : from(static_cast<int>(from)), to(static_cast<int>(to)), by_to(to) {}

  // Window i is [begin(i), end(i)). Needs from * to + to < 2^31.
  VOLUTA_HOST_DEVICE int begin(int i) const { return by_to.quotient(i * from); }
  VOLUTA_HOST_DEVICE int end(int i) const { return by_to.quotient((i + 1) * from + to - 1); }
  VOLUTA_HOST_DEVICE int length(int i) const { return end(i) - begin(i); }
};

// Note [Windows that cover a position]
// end(p) > h, that is (p+1) H/P > h, from p = floor(h P/H) on, and begin(p) <= h, that is
// p H/P < h + 1, below ceil((h+1) P/H): the windows that cover position h of H in P windows are
// window h of P positions in H windows.
struct AdaptivePool2dGeometry {
  int n, c;
  AdaptiveAxis rows, columns;                    // H in P, W in Q
  AdaptiveAxis covering_rows, covering_columns;  // P in H, Q in W
};

// Of either op.
AdaptivePool2dGeometry adaptive_pool2d_geometry(const Problem& problem);

// f32, bf16 or f16, fewer than 2^31 elements, and the products of AdaptiveAxis fit.
Support supports_adaptive_pool2d(const Problem& problem);

}  // namespace voluta
