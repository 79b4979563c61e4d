#pragma once

// Mean squared error over all elements, and its gradient, as torch.nn.MSELoss.
//   loss        = 1/M sum_i (p_i - t_i)^2,   M elements
//   dprediction = 2 dloss / M (p - t),   dtarget = -dprediction
//
// Note [Squared error's error bounds]
// In units of u = 2^-24, every f32 engine keeps
//   |loss - ref| <= 3 u ref + 2^-126        |dp - ref| <= 4 u |ref| + 2^-126
// whatever M: a difference is rounded once, its square is exact in double, and the sum and the mean
// are double. The gradient rounds the factor twice, the difference once and their product once.

#include <voluta/core/graph/op.h>

namespace voluta {

struct SquaredErrorOptions {};

// (prediction[any shape], target[same]), of one floating type -> loss [], f64 for f64 inputs, else
// f32.
struct SquaredError {
  using Options = SquaredErrorOptions;
  static constexpr std::string_view kName = "squared_error";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // M
  static std::string describe(const Problem& problem);      // "n64c10 f32"
  static std::span<const Engine> engines();
};

// (prediction, target, dloss []) -> dprediction, which may take the memory of either tensor.
struct SquaredErrorGradient : NotDifferentiable {
  using Options = SquaredErrorOptions;
  static constexpr std::string_view kName = "squared_error_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 3: the roundings above
  static std::string describe(const Problem& problem);      // "n64c10 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

}  // namespace voluta
