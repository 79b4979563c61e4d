#pragma once

// From pictures to features in PyTorch's order, so that weights of fully connected layers trained
// on NCHW tensors load unchanged.
//   Flatten    y[n, (c*H + h)*W + w] = x[n, h, w, c]
//   Unflatten  the inverse, and each is the other's gradient

#include <voluta/core/graph/op.h>

namespace voluta {

struct FlattenOptions {};

// x[N,H,W,C] -> y[N, C*H*W].
struct Flatten {
  using Options = FlattenOptions;
  static constexpr std::string_view kName = "flatten";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);  // "n64h5w5c16 f32"
  static std::span<const Engine> engines();
};

struct UnflattenOptions {
  int64_t height = 1, width = 1, channels = 1;
};

// x[N, C*H*W] -> y[N,H,W,C].
struct Unflatten {
  using Options = UnflattenOptions;
  static constexpr std::string_view kName = "unflatten";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);  // the output's extents: "n64h5w5c16 f32"
  static std::span<const Engine> engines();
};

}  // namespace voluta
