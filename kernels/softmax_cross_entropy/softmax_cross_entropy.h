#pragma once

// Softmax with cross-entropy against class labels or soft targets, mean over the batch, and its
// gradient.
//   t[n,k] = (1 - e) q[n,k] + e / K,   e = label_smoothing,   q[n,k] = [k = label_n], or as given
//   loss   = 1/N sum_n -sum_k t[n,k] log softmax(x_n)[k]
//   dx     = dloss / N * (T_n softmax(x) - t),   T_n = sum_k t[n,k], 1 for labels
// as torch.nn.functional.cross_entropy(logits, targets, label_smoothing=e). Soft targets need not
// sum to one. With m_n = max_k x[n,k] and s_n = sum_k exp(x[n,k] - m_n) a row's loss is computed as
//   T_n log s_n + sum_k t[n,k] (m_n - x[n,k]),
// whose terms are all >= 0 where the targets are: nothing cancels and nothing overflows, whatever
// the logits. For labels the sum is (1 - e) (m_n - x[n,label]) + e/K sum_k (m_n - x[n,k]).
// A label outside [0,K) is never used as an index; it makes the loss and that row's gradient NaN.
//
// Note [Cross-entropy error bounds]
// In units of u = 2^-24, with p = softmax(x) and d = m_n - x[n,k], f32 engines keep for labels
//   |loss - ref| <= u * ((K + 64) + c * ref),   c = 8, or K + 64 with label smoothing
//   |dx - ref|   <= u * |dloss| / N * (p (K + 72 + d + ln K) + 8 t) + 2^-126
// The first term of the loss is the relative error of s_n, K additions and an exponential each (see
// Note [Softmax error bounds]), through the logarithm; the terms of the second are rounded a few
// times each, the smoothing sum K times more. The mean is summed in double. For soft targets, with
// a = (1 - e) |q| + e/K, A_n = sum_k a[n,k], and the loss of a as S,
//   |loss - ref| <= u * ((K + 64) mean A_n + (K + 64) S)
//   |dx - ref|   <= u * |dloss| / N * (p A_n (2 K + 80 + d + ln K) + 8 a) + 2^-126:
// T_n and sum_k t d are sums of K terms, each rounded a few times.

#include <voluta/core/graph/op.h>

namespace voluta {

struct SoftmaxCrossEntropyOptions {
  double label_smoothing = 0;  // in [0, 1]
};

// (logits[N,K], labels[N] i64 or targets[N,K] of the logits' type) -> loss [], f64 for f64 logits,
// else f32. No gradient flows into the targets: where one is asked for, gradient() throws.
struct SoftmaxCrossEntropy {
  using Options = SoftmaxCrossEntropyOptions;
  static constexpr std::string_view kName = "softmax_cross_entropy";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // K
  static std::string describe(const Problem& problem);      // "n64k10 soft smoothing0.1 f32"
  static std::span<const Engine> engines();
};

// (logits[N,K], labels or targets, dloss []) -> dlogits[N,K], which may take the logits' memory.
struct SoftmaxCrossEntropyGradient : NotDifferentiable {
  using Options = SoftmaxCrossEntropyOptions;
  static constexpr std::string_view kName = "softmax_cross_entropy_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // K
  static std::string describe(const Problem& problem);      // "n64k10 soft smoothing0.1 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

}  // namespace voluta
