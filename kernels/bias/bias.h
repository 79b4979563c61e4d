#pragma once

// A bias, and its gradient. Its shape is that of the trailing axes of x: [C], one value a channel
// (tied), or up to [H,W,C], one an output cell (untied). j counts its J elements.
//   Bias          y[row, j] = x[row, j] + b[j]
//   BiasGradient  db[j] = sum over all rows of dy[row, j], in a fixed order
// Source of the terms: Goodfellow, Bengio and Courville 2016, "Deep learning", section 9.5.

#include <voluta/core/graph/op.h>

namespace voluta {

struct BiasOptions {};

// Whether a Bias adds one value a channel: what epilogues of convolutions and products do.
bool is_tied(const Problem& bias);

// (x[any shape of rank >= 1], b[trailing axes of x]) -> y[x's shape]; y may take x's memory.
struct Bias {
  using Options = BiasOptions;
  static constexpr std::string_view kName = "bias";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(
      const Problem& problem);  // "n64h28w28c6 f32", untied "n64h28w28c6 axes3 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

struct BiasGradientOptions {
  int axes = 1;  // of b: the last ones of dy
};

// dy[any shape of rank >= 1] -> db[trailing axes of dy].
struct BiasGradient : NotDifferentiable {
  using Options = BiasGradientOptions;
  static constexpr std::string_view kName = "bias_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);
  static std::span<const Engine> engines();
};

}  // namespace voluta
