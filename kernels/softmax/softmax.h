#pragma once

// Softmax over the last axis, and its gradient from the output.
//   Softmax          y[n,k]  = exp(x[n,k] - m_n) / sum_j exp(x[n,j] - m_n),  m_n = max_j x[n,j]
//   SoftmaxGradient  dx[n,k] = y[n,k] * (dy[n,k] - sum_j y[n,j] * dy[n,j])
//
// Note [Softmax error bounds]
// In units of u = 2^-24, with d = m_n - x[n,k] (a rounded difference moves an exponential by d
// relatively, and sum_j y_j d_j <= ln K), every f32 engine keeps
//   |y  - y_ref|  <= u * y_ref * (K + 64 + d + ln K) + 2^-126
//   |dx - dx_ref| <= u * |y| * (4 |dy| + (K + 8) * sum_j |y_j dy_j|) + 2^-126
// whatever the magnitude of x: K additions on the longest path of a plain sum, or 6 (K/32 + 5) for
// the online one, whose steps also rescale (an exponential, 4 u; a product; an addition). The
// last term: below the least normal number a result has fewer digits.
// A row with NaN or +infinity gives NaN, as in PyTorch; -infinity is a class of probability 0.

#include <voluta/core/graph/op.h>

namespace voluta {

struct SoftmaxOptions {};

// x[N,K] -> y[N,K]; y may take x's memory.
struct Softmax {
  using Options = SoftmaxOptions;
  static constexpr std::string_view kName = "softmax";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);  // "n64k10 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

// (y[N,K], dy[N,K]) -> dx[N,K]; dx may take dy's memory.
struct SoftmaxGradient : NotDifferentiable {
  using Options = SoftmaxOptions;
  static constexpr std::string_view kName = "softmax_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);  // "n64k10 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

}  // namespace voluta
