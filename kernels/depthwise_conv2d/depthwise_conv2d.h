#pragma once

// Depthwise 2-D convolution: every input channel has filters of its own, m of them, and no output
// mixes two channels. Also its two gradients.
//
//   y [n,p,q,k] = e(sum_{r,s} x[n, p*u - top + r*l, q*v - left + s*o, k / m] * w[k,r,s])
//   dx[n,h,w,c] = sum_{j<m} sum_{r,s} dy[n,p,q,c*m + j] * w[c*m + j,r,s]  over h = p*u - top + r*l..
//   dw[k,r,s]   = sum_{n,p,q}         dy[n,p,q,k] * x[n, p*u - top + r*l, q*v - left + s*o, k / m]
//
//   N batch  H,W input  C,K channels  R,S filter  P,Q output  m = K / C multiplier
//   u,v stride  l,o dilation (rows, columns)
//   e the fused epilogue: f((sum + b[k]) * scale[k] + shift[k] + z[n,p,q,k]), each part optional
// With a prologue (kernels/common/prologue.h) xhat takes the place of x in y and dw.
// It is conv2d with C groups, as torch.nn.Conv2d(groups=C): the same filters [K,R,S,1] give the
// same result. Source: Howard et al. 2017, "MobileNets", equation 3; Chollet 2017, "Xception".

#include <voluta/kernels/activation/activation.h>
#include <voluta/kernels/common/geometry.h>
#include <voluta/kernels/common/prologue.h>

#include <array>

namespace voluta {

struct DepthwiseConv2dOptions {
  std::array<int64_t, 2> stride{1, 1};    // rows, columns
  std::array<int64_t, 2> dilation{1, 1};  // rows, columns
  Padding2d padding;
  // The fused epilogue, set by DepthwiseConv2d::fuse.
  ActivationKind activation = ActivationKind::kNone;
  bool scale_shift = false;  // inputs scale and shift: batch norm at inference
  bool residual = false;     // input z
  Prologue prologue;         // set by the pass that defers a batch norm
};

// (x[N,H,W,C], w[K,R,S,1], optional b[K], scale[K] and shift[K] with the option scale_shift,
// z[N,P,Q,K] with the option residual, normaliser[3,C] with a prologue) -> y[N,P,Q,K]. K is a multiple of
// C. All of one floating type, but for scale, shift and normaliser, which are f32 beside 16-bit types.
struct DepthwiseConv2d {
  using Options = DepthwiseConv2dOptions;
  static constexpr std::string_view kName = "depthwise_conv2d";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(
      const Problem&
          problem);  // "n2h7w7c3k3r3s3p1u2 bias scale_shift residual normalise_relu relu f32"
  static std::span<const Engine> engines();
  // Computes a deferred BatchNormTraining in its prologue.
  static bool accept(const Problem& reader, int input, const Problem& producer,
                     std::shared_ptr<const void>& options);
  // Absorbs what Conv2d absorbs.
  static bool fuse(const Problem& producer, const Problem& consumer, int input, Fusion& fusion);
};

struct DepthwiseConv2dInputGradientOptions {
  DepthwiseConv2dOptions conv;                  // the forward's, without an epilogue and prologue
  int64_t height = 0, width = 0, channels = 0;  // H, W, C: dy and w do not tell them
  // Set by the pass that connects them:
  bool sums = false;  // a second output, for the gradient of the batch norm in front
  ActivationKind activation = ActivationKind::kNone;  // f between them, only with sums
};

// (dy[N,P,Q,K], w[K,R,S,1]
//  [, z[N,H,W,C], m[C] [, w'[C], s[C], b[C] with an activation], with the option sums])
//   -> dx[N,H,W,C] [, sums], those of Note [Sums for the gradient in front] in conv2d.h.
struct DepthwiseConv2dInputGradient : NotDifferentiable {
  using Options = DepthwiseConv2dInputGradientOptions;
  static constexpr std::string_view kName = "depthwise_conv2d_input_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);  // the forward's letters; "sums relu"
  static std::span<const Engine> engines();
};

struct DepthwiseConv2dFilterGradientOptions {
  DepthwiseConv2dOptions conv;                  // the forward's, without an epilogue
  int64_t filter_height = 0, filter_width = 0;  // R, S
};

// (x[N,H,W,C], dy[N,P,Q,K] [, normaliser[3,C] with a prologue]) -> dw[K,R,S,1].
struct DepthwiseConv2dFilterGradient : NotDifferentiable {
  using Options = DepthwiseConv2dFilterGradientOptions;
  static constexpr std::string_view kName = "depthwise_conv2d_filter_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);  // the forward's letters; "normalise_relu"
  static std::span<const Engine> engines();
  static bool accept(const Problem& reader, int input, const Problem& producer,
                     std::shared_ptr<const void>& options);  // as the forward
};

}  // namespace voluta
