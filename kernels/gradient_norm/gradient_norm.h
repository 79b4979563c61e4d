#pragma once

// Norms of gradients and parameters, and the factor that clips a step by them.

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
  double max_norm = 1;  // > 0
};

// norms f32 [n] -> (factor [], norm []): norm is the Euclidean norm of all tensors as one vector,
//   factor = min(1, max_norm / (norm + 1e-6))
// as torch.nn.utils.clip_grad_norm_ has it. Where the norm is not finite the factor is NaN, which
// leaves out the step (optimizer.h, "scaled").
struct ClipFactor : NotDifferentiable {
  using Options = ClipFactorOptions;
  static constexpr std::string_view kName = "clip_factor";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // n + 4
  static std::string describe(const Problem& problem);      // "n161 max1.5 f32"
  static std::span<const Engine> engines();
};

}  // namespace voluta
