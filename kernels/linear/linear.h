#pragma once

// A fully connected layer and its gradients: three matrix products.
//   Linear                y[n,m]  = activate(sum_f x[n,f] * w[m,f] + b[m])
//   LinearInputGradient   dx[n,f] = sum_m dy[n,m] * w[m,f]
//   LinearWeightGradient  dw[m,f] = sum_n dy[n,m] * x[n,f]
// Letters: N rows (the batch), F input features, M output features. Weights are [M,F] as in
// PyTorch. The bias's gradient: kernels/bias/tied_bias_gradient.h.

#include <voluta/core/graph/op.h>
#include <voluta/kernels/activation/activation.h>

namespace voluta {

struct LinearOptions {
  ActivationKind activation = ActivationKind::kNone;  // set by fusion
};

// (x[N,F], w[M,F], optional b[M]) -> y[N,M]. Absorbs a Bias and then an Activation behind it.
struct Linear {
  using Options = LinearOptions;
  static constexpr std::string_view kName = "linear";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);  // "n64f400m120 bias tanh f32"
  static std::span<const Engine> engines();
  static bool fuse(const Problem& producer, const Problem& consumer, int input, Fusion& fusion);
};

struct LinearGradientOptions {};

// (dy[N,M], w[M,F]) -> dx[N,F].
struct LinearInputGradient : NotDifferentiable {
  using Options = LinearGradientOptions;
  static constexpr std::string_view kName = "linear_input_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);  // "n64f400m120 f32"
  static std::span<const Engine> engines();
};

// (x[N,F], dy[N,M]) -> dw[M,F].
struct LinearWeightGradient : NotDifferentiable {
  using Options = LinearGradientOptions;
  static constexpr std::string_view kName = "linear_weight_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);  // "n64f400m120 f32"
  static std::span<const Engine> engines();
};

}  // namespace voluta
