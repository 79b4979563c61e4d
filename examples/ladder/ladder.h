#pragma once

// The ladder: one convolution, one kernel a file, each the last with one idea more. The story and
// the numbers are in kernels/conv2d/README.md; ladder.cpp checks and times every step.
//
//   y[n,h,w,k] = sum_{r,s,c} x[n, h-1+r, w-1+s, c] * w[k,r,s,c]      r, s < 3
//
// 3x3, stride 1, padding 1, bf16 in and out, accumulated in f32. As a matrix product it has
//   rows     the pixels (n, h, w)          columns  the filters k
//   depth    nine taps (r, s), in each the channels c
//   A[row, depth]     x moved by the tap: C neighbouring values of a pixel, or zeros in the padding
//   B[depth, column]  w, in which a column's 9 * C values follow each other

#include <voluta/core/graph/op.h>
#include <voluta/core/macros.h>

namespace voluta::ladder {

inline constexpr int kTaps = 9;

// The extents of such a convolution. A product of any three is below 2^31.
struct Extents {
  int n, h, w, c, k;

  VOLUTA_HOST_DEVICE int pixels() const { return n * h * w; }
  VOLUTA_HOST_DEVICE int depth() const { return kTaps * c; }
};

Extents extents_of(const Problem& problem);

// Yes to the convolution above with C and K multiples of these.
Support supports(const Problem& problem, int channels, int filters);

extern const Engine kNaive, kTiled, kRegisterTiles, kDoubleBuffered, kMma, kMultiStage, kPaddedRows,
    kTmaWgmma, kSmallTiles;

struct Step {
  std::string_view name;  // its file's, without .cu
  const Engine* engine;
};

// In the order of the story. The last is the library's own kernel.
std::span<const Step> steps();

}  // namespace voluta::ladder
