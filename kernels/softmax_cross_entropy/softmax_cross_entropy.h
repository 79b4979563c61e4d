#pragma once

// Softmax with cross-entropy against class labels, mean over the batch, and its gradient.
//   t[n,k] = (1 - e) [k = label_n] + e / K,   e = label_smoothing
//   loss   = 1/N sum_n -sum_k t[n,k] log softmax(x_n)[k]
//   dx     = dloss / N * (softmax(x) - t)
// as torch.nn.functional.cross_entropy(logits, labels, label_smoothing=e). With m_n = max_k x[n,k]
// and s_n = sum_k exp(x[n,k] - m_n) a row's loss is computed as
//   log s_n + (1 - e) (m_n - x[n,label]) + e/K sum_k (m_n - x[n,k]),
// whose terms are all >= 0: nothing cancels and nothing overflows, whatever the logits.
// A label outside [0,K) is never used as an index; it makes the loss and that row's gradient NaN.
//
// Note [Cross-entropy error bounds]
// In units of u = 2^-24, with p = softmax(x) and d = m_n - x[n,k], every f32 engine keeps
//   |loss - ref| <= u * ((K + 64) + c * ref),   c = 8, or K + 64 with label smoothing
//   |dx - ref|   <= u * |dloss| / N * (p (K + 72 + d + ln K) + 8 t) + 2^-126
// The first term of the loss is the relative error of s_n, K additions and an exponential each (see
// Note [Softmax error bounds]), through the logarithm; the terms of the second are rounded a few
// times each, the smoothing sum K times more. The mean is summed in double.

#include <voluta/core/graph/op.h>

namespace voluta {

struct SoftmaxCrossEntropyOptions {
  double label_smoothing = 0;  // in [0, 1]
};

// (logits[N,K], labels[N] i64) -> loss [], f64 for f64 logits, else f32.
struct SoftmaxCrossEntropy {
  using Options = SoftmaxCrossEntropyOptions;
  static constexpr std::string_view kName = "softmax_cross_entropy";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // K
  static std::string describe(const Problem& problem);      // "n64k10 smoothing0.1 f32"
  static std::span<const Engine> engines();
};

// (logits[N,K], labels[N] i64, dloss []) -> dlogits[N,K], which may take the logits' memory.
struct SoftmaxCrossEntropyGradient : NotDifferentiable {
  using Options = SoftmaxCrossEntropyOptions;
  static constexpr std::string_view kName = "softmax_cross_entropy_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // K
  static std::string describe(const Problem& problem);      // "n64k10 smoothing0.1 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

}  // namespace voluta
