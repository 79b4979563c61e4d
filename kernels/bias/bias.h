#pragma once

// A bias along the last axis, and its gradient.
//   Bias          y[..., c] = x[..., c] + b[c]
//   BiasGradient  db[c] = sum over all rows of dy[row, c], in a fixed order

#include <voluta/core/graph/op.h>

namespace voluta {

struct BiasOptions {};

// (x[..., C], b[C]) -> y[..., C]; y may take x's memory.
struct Bias {
  using Options = BiasOptions;
  static constexpr std::string_view kName = "bias";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);  // "n64h28w28c6 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

// dy[..., C] -> db[C].
struct BiasGradient : NotDifferentiable {
  using Options = BiasOptions;
  static constexpr std::string_view kName = "bias_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);
  static std::span<const Engine> engines();
};

}  // namespace voluta
