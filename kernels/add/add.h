#pragma once

// y = a + b, element by element: residual connections, and sums of gradients.

#include <voluta/core/graph/op.h>

namespace voluta {

struct AddOptions {};

// (a, b), of one type -> y of that type; y may take the memory of either.
struct Add {
  using Options = AddOptions;
  static constexpr std::string_view kName = "add";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);  // "n32h56w56c64 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

}  // namespace voluta
