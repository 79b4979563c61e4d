#pragma once

// Transposed 2-D convolution ("full convolution"): the input gradient of the conv2d with the same
// filters, as an op of its own. Each pixel of x spreads its filter over y.
//
//   y[n,p,q,k] = sum_{r,s,c} x[n,h,w,c] * w[c,r,s,k - g*Kg]    over h*u - top + r*l = p, ...
//   P = (H-1)*u - top - bottom + l*(R-1) + output_padding + 1, likewise Q
//
//   N batch  H,W input  C,K input and output channels  R,S filter  P,Q output
//   G groups, Kg = K/G, g = c / (C/G)  u stride  l dilation
// Strides > 1 make P of several convolutions' extents lead to the same H; output_padding chooses
// among them. It names rows below and columns to the right of y; it adds no zeros to x.
// As torch.nn.ConvTranspose2d. Sources: Zeiler et al. 2010, "Deconvolutional networks"; Dumoulin and
// Visin 2016, "A guide to convolution arithmetic", section 4, relationship 14.

#include <voluta/core/graph/op.h>
#include <voluta/kernels/common/geometry.h>

#include <array>

namespace voluta {

struct ConvTranspose2dOptions {
  std::array<int64_t, 2> stride{1, 1};    // rows, columns
  std::array<int64_t, 2> dilation{1, 1};  // rows, columns
  Padding2d padding;                      // taken off y
  // Rows, columns. Less than the stride; or less than the dilation and at most padding.bottom
  // (padding.right), which it then takes back.
  std::array<int64_t, 2> output_padding{0, 0};
  int64_t groups = 1;
};

// (x[N,H,W,C], w[C,R,S,K/G]) -> y[N,P,Q,K]. Of one floating type. Its gradients are conv2d of dy
// with w, and conv2d_filter_gradient of dy and x.
struct ConvTranspose2d {
  using Options = ConvTranspose2dOptions;
  static constexpr std::string_view kName = "conv_transpose2d";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);  // "n2h4w4c8k4r2s2u2oh1ow1g2 f32"
  static std::span<const Engine> engines();
};

}  // namespace voluta
