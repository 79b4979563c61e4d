#pragma once

// Average pooling to given extents, as torch.nn.AdaptiveAvgPool2d; to 1 x 1, global average pooling
// (Lin, Chen and Yan 2013, "Network in network", section 3.2).
//
//   window of output (p, q):  floor(p*H/P) <= h < ceil((p+1)*H/P),  w likewise of q, W and Q
//   y[n,p,q,c] = mean of x[n,h,w,c] over the window
//
// Neighbouring windows overlap by a row where P does not divide H; P may be greater than H.

#include <voluta/core/graph/op.h>

#include <array>

namespace voluta {

struct AdaptiveAveragePool2dOptions {
  std::array<int64_t, 2> output{1, 1};  // P, Q
};

// x[N,H,W,C] -> y[N,P,Q,C]. No extent of picture or output may be 0.
struct AdaptiveAveragePool2d {
  using Options = AdaptiveAveragePool2dOptions;
  static constexpr std::string_view kName = "adaptive_average_pool2d";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);  // "n64h7w7c512oh1ow1 f32"
  static std::span<const Engine> engines();
};

// The extents of the input, which dy does not tell.
struct AdaptiveAveragePool2dGradientOptions {
  int64_t height = 1, width = 1;  // H, W
};

// dy[N,P,Q,C] -> dx[N,H,W,C]: each input position sums dy / (positions of the window) over the
// windows that cover it, in row-major order.
struct AdaptiveAveragePool2dGradient : NotDifferentiable {
  using Options = AdaptiveAveragePool2dGradientOptions;
  static constexpr std::string_view kName = "adaptive_average_pool2d_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);  // the forward's line
  static std::span<const Engine> engines();
};

}  // namespace voluta
