#pragma once

// Local response normalisation across channels: each value is divided by a power of the energy of
// its neighbours at the same place.
//   s[c] = k + alpha / size * sum_j x[j]^2,  c - size/2 <= j <= c + (size-1)/2, 0 <= j < C
//   y[c] = x[c] * s[c]^-beta
// Source: Krizhevsky, Sutskever and Hinton 2012, "ImageNet classification with deep convolutional
// neural networks", section 3.3; as torch.nn.LocalResponseNorm, which divides alpha by the size and,
// with an even one, looks one channel further down than up.
//
// The gradient sums over the outputs whose windows hold c:
//   dx[c] = dy[c] s[c]^-beta - 2 alpha beta / size x[c] sum_j dy[j] x[j] s[j]^(-beta-1),
//   c - (size-1)/2 <= j <= c + size/2
//
// Note [Local response norm error bounds]
// With u = 2^-24, n additions and S = |k| + |alpha| / size * sum x^2, s is off by u (n + 4) S, and
// with r = S / |s| (1 unless a term is negative) f32 engines keep
//   |y - y_ref|   <= u |y| P,  P = |beta| (n + 4) r + 16 + 2 |beta ln s|
//   |dx - dx_ref| <= u (P |dy| s^-beta + 2 |alpha beta| / size |x| sum_j (P_j + (n + 4) r_j + n + 8)
//                        |dy[j] x[j]| s[j]^(-beta-1))
// The last terms of P are those of the power: a few ulp, and the rounding of beta, which moves
// s^-beta by beta ln s.

#include <voluta/core/graph/op.h>

namespace voluta {

struct LocalResponseNormOptions {
  int64_t size = 5;  // channels of a window, at least 1
  double alpha = 1e-4;
  double beta = 0.75;
  double k = 1;
};

// x[..., C] -> y like x.
struct LocalResponseNorm {
  using Options = LocalResponseNormOptions;
  static constexpr std::string_view kName = "local_response_norm";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // size
  // "n2h13w13c96 size5 alpha0.0001 beta0.75 k2 f32"
  static std::string describe(const Problem& problem);
  static std::span<const Engine> engines();
};

// (x[..., C], dy) -> dx like x; s is computed again rather than kept.
struct LocalResponseNormGradient : NotDifferentiable {
  using Options = LocalResponseNormOptions;
  static constexpr std::string_view kName = "local_response_norm_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // size
  static std::string describe(const Problem& problem);
  static std::span<const Engine> engines();
};

}  // namespace voluta
