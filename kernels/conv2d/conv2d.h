#pragma once

// 2-D convolution (cross-correlation, as everywhere in deep learning) and its two gradients.
//
//   y [n,p,q,k] = e(sum_{r,s,c}   x[n, p*u - top + r*l, q*v - left + s*m, g*Cg + c] * w[k,r,s,c])
//   dx[n,h,w,c] = d(sum_{r,s,k}  dy[n,p,q,k] * w[k,r,s,c'])         over h = p*u - top + r*l, ...
//   dw[k,r,s,c] =          sum_{n,p,q}  dy[n,p,q,k] * x[n, p*u - top + r*l, q*v - left + s*m, ...]
//
//   N batch  H,W input  C,K channels  R,S filter  P,Q output  G groups, Cg = C/G, Kg = K/G
//   u,v stride  l,m dilation (rows, columns)  g = k / Kg, c' = c - g*Cg
//   e the fused epilogue: f((sum + b[k]) * scale[k] + shift[k] + z[n,p,q,k]), each part optional
//   d that of the input gradient: (sum + a[n,h,w,c]) f'(u) where x = f(u), likewise
// With a prologue (kernels/common/prologue.h) xhat takes the place of x in y and dw. Pixels outside the
// image are zero. Source: Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning";
// Chetlur et al. 2014, "cuDNN: efficient primitives", equation 1.

#include <voluta/kernels/activation/activation.h>
#include <voluta/kernels/common/geometry.h>
#include <voluta/kernels/common/prologue.h>

#include <array>

namespace voluta {

struct Conv2dOptions {
  std::array<int64_t, 2> stride{1, 1};    // rows, columns
  std::array<int64_t, 2> dilation{1, 1};  // rows, columns
  Padding2d padding;
  int64_t groups = 1;
  // The fused epilogue, set by Conv2d::fuse.
  ActivationKind activation = ActivationKind::kNone;
  bool scale_shift = false;  // inputs scale and shift: batch norm at inference
  bool residual = false;     // input z
  bool moments = false;      // a second output, for batch norm in training
  Prologue prologue;         // set by the pass that defers a batch norm
};

// Note [Moments of a convolution's output]
// With the option moments, output 1 is f32 [ceil(M / 128), 2, K], where y is a matrix [M, K] of
// M = N P Q rows: for each channel of rows 128 i .. 128 i + 127 (of the last part, those there are)
// their mean and the sum of their squared deviations from it, of y as it is stored, rounded. Batch
// norm merges the parts and need not read y for its statistics.
//
// Bounds: y is within d_r = bound + rounding of the stored value. With D the mean of d over a part's
// R rows, A that of |y|, u = 2^-24 and no more than 128 additions, the mean is within
// e = D + 129 u A, the sum of squares S within
//   sum_r (2 |y_r - m| (d_r + e) + (d_r + e)^2) + 132 u S.

// (x[N,H,W,C], w[K,R,S,C/G], optional b[K], scale[K] and shift[K] with the option scale_shift,
// z[N,P,Q,K] with the option residual, normaliser[3,C] with a prologue) -> y[N,P,Q,K], and its moments
// with that option. All of one floating type, but for scale, shift, moments and normaliser, which are f32
// beside 16-bit types.
struct Conv2d {
  using Options = Conv2dOptions;
  static constexpr std::string_view kName = "conv2d";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(
      const Problem&
          problem);  // "n2h7w7c3k4r3s3p1u2 bias scale_shift residual normalise_relu relu f32"
  static std::span<const Engine> engines();
  // Computes a deferred BatchNormTraining in its prologue.
  static bool accept(const Problem& reader, int input, const Problem& producer,
                     std::shared_ptr<const void>& options);
  // Absorbs a Bias of one value a channel, a BatchNormInference (by way of a BatchNormScaleShift in
  // front of it), an Add and an Activation, in this order.
  static bool fuse(const Problem& producer, const Problem& consumer, int input, Fusion& fusion);
};

struct Conv2dInputGradientOptions {
  Conv2dOptions conv;             // the forward's, without an epilogue and prologue
  int64_t height = 0, width = 0;  // H, W: several may give the same P, Q where the stride is > 1
  // The fused epilogue, set by Conv2dInputGradient::fuse.
  bool residual = false;                        // input a: another gradient of x, added
  ActivationKind gate = ActivationKind::kNone;  // f, relu or relu6: dx is then u's. Input x
  // Set by the pass that connects them:
  bool sums = false;  // a second output, for the gradient of the batch norm in front
  ActivationKind activation = ActivationKind::kNone;  // f between them, only with sums
};

// Note [Sums for the gradient in front]
// Where the convolution's input was f(u), u = (z - m) s w' + b, the output of a batch norm in training
// and its activation, dx is the gradient of f(u), and with the option sums output 1 is f32
// [parts, 2, C]: of each part of the pixels
//   sum du      sum du (z - m)      du = dx f'(u), dx as it is stored, rounded
// which is what the batch norm's gradient first needs. Parts: conv2d_sum_parts.h.
//
// Bounds: dx is within d = bound + rounding of the stored value, and du too, but for u so near to
// a jump of f' that an engine may be on the other side, where du is within |dx| + d. With u = 2^-24 and
// no more than 128 additions, the sums are within
//   sum_r d_r + 129 u sum_r |du_r|      sum_r d_r |z_r - m| + 132 u sum_r |du_r (z_r - m)|.

// (dy[N,P,Q,K], w[K,R,S,C/G], a[N,H,W,C] with the option residual, x[N,H,W,C] with a gate
//  [, z[N,H,W,C], m[C] [, w'[C], s[C], b[C] with an activation], with the option sums])
//   -> dx[N,H,W,C] [, sums]. m, w', s, b and sums are f32, or f64 where dx is f64.
struct Conv2dInputGradient : NotDifferentiable {
  using Options = Conv2dInputGradientOptions;
  static constexpr std::string_view kName = "conv2d_input_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  // The forward's letters; "residual gate_relu sums relu"
  static std::string describe(const Problem& problem);
  static std::span<const Engine> engines();
  // Absorbs an Add, whose other summand becomes a, and behind it an ActivationGradient that reads x.
  static bool fuse(const Problem& producer, const Problem& consumer, int input, Fusion& fusion);
};

struct Conv2dFilterGradientOptions {
  Conv2dOptions conv;                           // the forward's, without an epilogue
  int64_t filter_height = 0, filter_width = 0;  // R, S
};

// (x[N,H,W,C], dy[N,P,Q,K] [, normaliser[3,C] with a prologue]) -> dw[K,R,S,C/G].
struct Conv2dFilterGradient : NotDifferentiable {
  using Options = Conv2dFilterGradientOptions;
  static constexpr std::string_view kName = "conv2d_filter_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);  // the forward's letters; "normalise_relu"
  static std::span<const Engine> engines();
  static bool accept(const Problem& reader, int input, const Problem& producer,
                     std::shared_ptr<const void>& options);  // as the forward
};

}  // namespace voluta
