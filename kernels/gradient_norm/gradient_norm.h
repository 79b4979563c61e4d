#pragma once

// Norms of gradients and parameters, the factor that clips a step by them, and dynamic loss scaling:
// in f16 small gradients vanish, so the backward pass runs on s * loss, and the update divides by s.
// Where a gradient overflows the step is left out and s halves; after many steps that did not, s
// doubles. All of it happens on the device; the host never waits for it.
// Source: Micikevicius et al. 2018, "Mixed Precision Training", section 3.2; the numbers are those of
// torch.amp.GradScaler.

#include <voluta/core/graph/op.h>

namespace voluta {

struct TensorNormsOptions {};

// (x_1, ..., x_n), of one floating type -> norms f32 [n] (f64 for f64): Euclidean, each over all
// elements of its tensor.
struct TensorNorms : NotDifferentiable {
  using Options = TensorNormsOptions;
  static constexpr std::string_view kName = "tensor_norms";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  // Squares are summed in chunks; with the square root, of the longest tensor.
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);  // "n48000,500 f32"
  static std::span<const Engine> engines();
};

struct ClipFactorOptions {
  double max_norm = 1;  // > 0; with `scaled` infinity for no clipping
  bool scaled = false;  // the tensors are gradients of s * loss
};

// norms f32 [n], with `scaled` s f32 [] -> (factor [], norm []): norm is the Euclidean norm of all
// tensors as one vector, divided by s,
//   factor = min(1, max_norm / (norm + 1e-6)) / s
// and s = 1 where it is no input, as torch.nn.utils.clip_grad_norm_ has it. Where the norm is not finite the factor is NaN, which
// leaves out the step (optimizer.h, "scaled").
struct ClipFactor : NotDifferentiable {
  using Options = ClipFactorOptions;
  static constexpr std::string_view kName = "clip_factor";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // n + 4
  static std::string describe(const Problem& problem);      // "n161 max1.5 scaled f32"
  static std::span<const Engine> engines();
};

// Powers of two, so that the scale is exact.
struct LossScaleOptions {
  double growth = 2, backoff = 0.5;
  int64_t interval = 2000;  // steps without overflow until the scale grows
};

// (norm f32 [], s f32 [], steps i64 [], updates i64 []) -> (s, steps, updates) in place: s * backoff and 0
// where the norm is not finite, s * growth and 0 where this is step `interval` without overflow and the
// product is finite, else s and steps + 1. `updates` counts the steps whose norm was finite, which are those
// that optimisers take (optimizer.h, "scaled"): t of this step's, where one is taken.
struct LossScaleUpdate : NotDifferentiable {
  using Options = LossScaleOptions;
  static constexpr std::string_view kName = "loss_scale_update";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 0: exact
  static std::string describe(const Problem& problem);  // "n1 growth2 backoff0.5 interval2000 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

}  // namespace voluta
