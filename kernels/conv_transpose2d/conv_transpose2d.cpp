#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/common/delegate.h>
#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_rules.h>
#include <voluta/kernels/conv_transpose2d/conv_transpose2d.h>

#include <string>

namespace voluta {
namespace {

[[noreturn]] void bad(const std::string& what) {
  invalid(std::string(ConvTranspose2d::kName) + ": " + what);
}

constexpr int64_t kMaxExtent = int64_t{1} << 31;  // keeps the sums of extents far from overflow

void check_range(const char* what, int64_t value, int64_t least) {
  if (value >= least && value < kMaxExtent) return;
  bad(std::string(what) + " is " + std::to_string(value) + "; it must be at least " +
      std::to_string(least) + " and below 2^31");
}

// One axis of y, and the padding of the convolution that leads from y back to x.
struct Axis {
  int64_t extent, pad_end;
};

// Note [Output padding beyond the stride]
// The convolution of P rows has floor((P + pads - reach) / u) + 1 = H + floor(output_padding / u)
// of them, which is H where output_padding < u. Beyond (PyTorch allows it below the dilation) the
// last of its rows belong to no row of x; a convolution with less padding at the end has H.
Axis axis_of(int64_t in, int64_t window, int64_t stride, int64_t dilation, int64_t pad_begin,
             int64_t pad_end, int64_t output_padding) {
  check_range("input extent", in, 1);
  check_range("window extent", window, 1);
  check_range("stride", stride, 1);
  check_range("dilation", dilation, 1);
  check_range("padding", pad_begin, 0);
  check_range("padding", pad_end, 0);
  check_range("output padding", output_padding, 0);
  const std::string amount = "output padding of " + std::to_string(output_padding);
  if (output_padding >= stride && output_padding >= dilation) {
    bad(amount + " must be smaller than the stride, " + std::to_string(stride) +
        ", or the dilation, " + std::to_string(dilation));
  }
  if (output_padding >= stride && output_padding > pad_end) {
    bad(amount + " with a stride of " + std::to_string(stride) + " needs as much padding as that");
  }
  const int64_t spread = in - 1 <= kMaxExtent / stride ? (in - 1) * stride : kMaxExtent;
  const int64_t reach = window - 1 <= kMaxExtent / dilation ? dilation * (window - 1) : kMaxExtent;
  const int64_t extent = spread + reach + 1 + output_padding - pad_begin - pad_end;
  check_range("output extent", extent, 1);
  return {extent, output_padding < stride ? pad_end : pad_end - output_padding};
}

// The convolution whose input gradient this is, from y [N,P,Q,K] to x; P and Q.
Conv2dInputGradientOptions convolution_of(const ConvTranspose2dOptions& options, const Shape& x,
                                          const Shape& w) {
  const Padding2d& pad = options.padding;
  const Axis rows = axis_of(x[1], w[1], options.stride[0], options.dilation[0], pad.top, pad.bottom,
                            options.output_padding[0]);
  const Axis columns = axis_of(x[2], w[2], options.stride[1], options.dilation[1], pad.left,
                               pad.right, options.output_padding[1]);
  const Padding2d padding(pad.top, rows.pad_end, pad.left, columns.pad_end);
  return {{options.stride, options.dilation, padding, options.groups}, rows.extent, columns.extent};
}

Conv2dInputGradientOptions convolution_of(const Problem& problem) {
  return convolution_of(problem.options_as<ConvTranspose2dOptions>(), problem.inputs[0].shape,
                        problem.inputs[1].shape);
}

Problem as_input_gradient(const Problem& problem) {
  return make_problem<Conv2dInputGradient>(convolution_of(problem), problem.inputs);
}

}  // namespace

std::vector<TensorType> ConvTranspose2d::infer(const Options& options,
                                               std::span<const TensorType> inputs) {
  if (inputs.size() != 2) bad("takes x and w, not " + std::to_string(inputs.size()) + " inputs");
  const TensorType &x = inputs[0], &w = inputs[1];
  if (!is_floating(x.dtype) || x.dtype != w.dtype) {
    bad("takes tensors of one floating type, not " + to_string(x) + " and " + to_string(w));
  }
  if (x.shape.rank() != 4 || w.shape.rank() != 4) {
    bad("takes x [N,H,W,C] and w [C,R,S,K/groups], not " + to_string(x) + " and " + to_string(w));
  }
  if (x.shape.elements() < 1 || w.shape.elements() < 1) {
    bad("takes no empty tensor: " + to_string(x) + ", " + to_string(w));
  }
  const int64_t channels = x.shape[3];
  if (channels != w.shape[0]) {
    bad("x " + to_string(x) + " and the filters " + to_string(w) +
        " differ in their number of input channels");
  }
  if (options.groups < 1 || channels % options.groups != 0) {
    bad(std::to_string(channels) + " input channels are not divisible into " +
        std::to_string(options.groups) + " groups");
  }
  return infer_conv2d_input_gradient(kName, convolution_of(options, x.shape, w.shape), inputs);
}

// y is linear in x and in w: dx is the convolution itself, dw its filter gradient, with dy where the
// convolution has its input and x where it has the gradient of its output.
void ConvTranspose2d::gradient(GradientContext& context) {
  const Conv2dOptions conv = convolution_of(context.problem()).conv;
  const Shape w = context.problem().inputs[1].shape;
  const Value dy = context.output_gradient(0);
  if (context.wants(0)) context.set(0, context.add<Conv2d>(conv, {dy, context.input(1)}));
  if (context.wants(1)) {
    context.set(1, context.add<Conv2dFilterGradient>({conv, w[1], w[2]}, {dy, context.input(0)}));
  }
}

// A multiply-add for every tap of every pixel of x.
Cost ConvTranspose2d::cost(const Problem& problem) {
  return conv2d_cost(as_input_gradient(problem));
}

int64_t ConvTranspose2d::reduction_length(const Problem& problem) {
  return Conv2dInputGradient::reduction_length(as_input_gradient(problem));
}

std::string ConvTranspose2d::describe(const Problem& problem) {
  const Options& options = problem.options_as<Options>();
  const Shape &x = problem.inputs[0].shape, &w = problem.inputs[1].shape;
  const std::pair<const char*, int64_t> extents[] = {
      {"n", x[0]}, {"h", x[1]}, {"w", x[2]}, {"c", x[3]}, {"k", problem.outputs[0].shape[3]},
      {"r", w[1]}, {"s", w[2]}};
  std::string line;
  for (const auto& [letter, extent] : extents) line += letter + std::to_string(extent);
  line += describe_padding(options.padding) + describe_pair("u", "v", options.stride) +
          describe_pair("l", "m", options.dilation);
  if (options.output_padding[0] > 0) line += "oh" + std::to_string(options.output_padding[0]);
  if (options.output_padding[1] > 0) line += "ow" + std::to_string(options.output_padding[1]);
  if (options.groups > 1) line += "g" + std::to_string(options.groups);
  return line + " " + std::string(name_of(problem.outputs[0].dtype));
}

// No kernels of its own: those of conv2d_input_gradient.
std::span<const Engine> ConvTranspose2d::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      delegate<as_input_gradient, kConv2dInputGradientSplitKTmaWgmma>(),
      delegate<as_input_gradient, kConv2dInputGradientImplicitGemmTmaWgmma>(),
      delegate<as_input_gradient, kConv2dInputGradientGroupedRowsMma>(),
      delegate<as_input_gradient, kConv2dInputGradientSplitKMma>(),
      delegate<as_input_gradient, kConv2dInputGradientImplicitGemmMma>(),
      delegate<as_input_gradient, kConv2dInputGradientSplitKTmaWgmmaTf32>(),
      delegate<as_input_gradient, kConv2dInputGradientImplicitGemmTmaWgmmaTf32>(),
      delegate<as_input_gradient, kConv2dInputGradientSplitKMmaTf32>(),
      delegate<as_input_gradient, kConv2dInputGradientImplicitGemmMmaTf32>(),
      delegate<as_input_gradient, kConv2dInputGradientWinograd2x2>(),
      delegate<as_input_gradient, kConv2dInputGradientSplitK>(),
      delegate<as_input_gradient, kConv2dInputGradientImplicitGemm>(),
      delegate<as_input_gradient, kConv2dInputGradientWinograd4x4>(),
      delegate<as_input_gradient, kConv2dInputGradientDirect>(),
#endif
      delegate<as_input_gradient, kConv2dInputGradientOnednn>(),
      delegate<as_input_gradient, kConv2dInputGradientReference>(),
      delegate<as_input_gradient, kConv2dInputGradientCudnn>(),
      delegate<as_input_gradient, kConv2dInputGradientCudnnHalf>(),
      delegate<as_input_gradient, kConv2dInputGradientCudnnTf32>()};
  return engines;
}

}  // namespace voluta
