#pragma once

// Batch normalisation at inference as one multiplication and one addition a channel, which a
// producer's epilogue does:
//   y = (x - mean) * scale + b = x * scale + shift,
//   scale[c] = w[c] / sqrt(var[c] + epsilon)      shift[c] = b[c] - mean[c] * scale[c]
// Source: Ioffe and Szegedy 2015, "Batch normalization", algorithm 2, step 11.
//
// Note [Error of scale and shift]
// With u = 2^-24: var + epsilon is within 2 u, epsilon's own rounding included; the root halves that
// and rounds, the quotient rounds: scale is within 3 u |scale|, the product mean * scale within
// 4 u |mean scale|. Higher orders of u fit into one more of each.

#include <voluta/core/graph/op.h>

namespace voluta {

struct BatchNormScaleShiftOptions {
  double epsilon = 1e-5;  // >= 0
};

// (w[C], b[C], mean[C], var[C]), all f32 or all f64 -> (scale[C], shift[C]) of that type.
struct BatchNormScaleShift : NotDifferentiable {
  using Options = BatchNormScaleShiftOptions;
  static constexpr std::string_view kName = "batch_norm_scale_shift";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 1
  static std::string describe(const Problem& problem);      // "c64 eps0.001 f32"
  static std::span<const Engine> engines();
};

}  // namespace voluta
