#pragma once

// Batch normalisation over the last axis, the channels. The other axes are one axis of R rows:
// x[..., C] is a matrix [R,C], whether it comes as [N,H,W,C] or [N,C].
//   m[c] = sum_r x[r,c] / R        v[c] = sum_r (x[r,c] - m[c])^2 / R
//   y[r,c] = (x[r,c] - m[c]) * s[c] * w[c] + b[c],    s[c] = 1 / sqrt(v[c] + epsilon)
// Source: Ioffe and Szegedy 2015, "Batch normalization", algorithms 1 and 2. Training uses the
// batch's statistics and keeps running ones, inference uses the running ones; both as
// torch.nn.BatchNorm2d: the running variance takes in the unbiased v * R / (R - 1).
//
// What belongs to a channel (w, b, m, s, v, the running statistics) is f32, or f64 where x is f64.
//
// Note [Batch norm error bounds]
// With u = 2^-24, D = |x - m|, root mean square q of a channel's x, and no chain of more than
// n = min(R, 512 + R / 65536) additions, f32 engines keep
//   mean      e  = 2 (n + 8) u q
//   variance  ev = (n + 8) u v + 2 e sqrt(v) + e^2
//   s         es = the larger distance of 1 / sqrt(v' + epsilon), v' = max(v -+ ev, 0), from s, + 4 u s
//   y         |w| (s e + (D + e) es + 4 u s D) + 2 u |b|
// Of the variance's terms, the first is the sum of squares. The other two come from subtracting a
// mean that is e off: e^2 in two passes over all rows, and where parts with their own means meet
// (Chan et al.), also 2 e times the distance of those means, whose weighted sum is sqrt(v) or less.
// Nothing here grows with (mean / deviation)^2, as E[x^2] - E[x]^2 would.

#include <voluta/core/graph/op.h>

namespace voluta {

struct BatchNormOptions {
  double epsilon = 1e-5;  // >= 0
  double momentum = 0.1;  // share of the batch in the new running statistics, in [0, 1]
};

struct BatchNormInferenceOptions {
  double epsilon = 1e-5;  // >= 0
};

struct BatchNormTrainingGradientOptions {};

// (x[...,C], w[C], b[C], running_mean[C], running_var[C], batches i64 [])
//   -> (y[...,C], m[C], s[C], running_mean'[C], running_var'[C], batches' []).
// running' = (1 - momentum) running + momentum * (m, or v unbiased); batches' = batches + 1. These
// three take the places of their inputs. Throws invalid() where a channel has fewer than two values.
struct BatchNormTraining {
  using Options = BatchNormOptions;
  static constexpr std::string_view kName = "batch_norm_training";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);  // of x, w and b, through y
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // n of the Note
  static std::string describe(const Problem& problem);      // "n4h7w7c64 eps0.001 momentum0.01 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

// (x, dy, w[C], m[C], s[C]) -> (dx like x, dw[C], db[C]); dx may take dy's memory.
//   db = sum_r dy      dw = s sum_r dy (x - m)      dx = w s (dy - db / R - (x - m) s dw / R)
struct BatchNormTrainingGradient : NotDifferentiable {
  using Options = BatchNormTrainingGradientOptions;
  static constexpr std::string_view kName = "batch_norm_training_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // n of the Note
  static std::string describe(const Problem& problem);      // "n4h7w7c64 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

// (x[...,C], w[C], b[C], mean[C], var[C]) -> y like x, with s = 1 / sqrt(var + epsilon). y may take
// x's memory.
struct BatchNormInference {
  using Options = BatchNormInferenceOptions;
  static constexpr std::string_view kName = "batch_norm_inference";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);  // of x, w and b; the statistics are constants
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 2
  static std::string describe(const Problem& problem);      // "n4h7w7c64 eps0.001 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

// (x, dy, w[C], mean[C], var[C]) -> (dx like x, dw[C], db[C]); dx may take dy's memory.
//   db = sum_r dy      dw = s sum_r dy (x - mean)      dx = w s dy
struct BatchNormInferenceGradient : NotDifferentiable {
  using Options = BatchNormInferenceOptions;
  static constexpr std::string_view kName = "batch_norm_inference_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // n of the Note
  static std::string describe(const Problem& problem);      // "n4h7w7c64 eps0.001 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

}  // namespace voluta
