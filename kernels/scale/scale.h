#pragma once

// y = factor * x, element by element: weights of losses, and the gradients of differences.

#include <voluta/core/graph/op.h>

namespace voluta {

struct ScaleOptions {
  double factor = 1;  // finite; engines for f32 round it to f32
};

// x[any shape], floating -> y[same shape]; y may take x's memory. Its gradient is a Scale of dy.
struct Scale {
  using Options = ScaleOptions;
  static constexpr std::string_view kName = "scale";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 1: the rounding of the factor
  static std::string describe(const Problem& problem);      // "n64h28w28c6 factor0.5 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

}  // namespace voluta
