#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/bias/tied_bias_gradient.h>
#include <voluta/kernels/common/delegate.h>
#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_geometry.h>
#include <voluta/kernels/conv2d/conv2d_rules.h>
#include <voluta/kernels/depthwise_conv2d/depthwise_conv2d_engines.h>

#include <string>

namespace voluta {
namespace {

Conv2dOptions in_groups(const DepthwiseConv2dOptions& options, int64_t groups) {
  return {.stride = options.stride,
          .dilation = options.dilation,
          .padding = options.padding,
          .groups = groups,
          .activation = options.activation,
          .scale_shift = options.scale_shift,
          .residual = options.residual,
          .moments = false,
          .prologue = options.prologue};
}

Conv2dInputGradientOptions in_groups(const DepthwiseConv2dInputGradientOptions& options) {
  return {.conv = in_groups(options.conv, options.channels),
          .height = options.height,
          .width = options.width,
          .sums = options.sums,
          .activation = options.activation};
}

Conv2dFilterGradientOptions in_groups(const DepthwiseConv2dFilterGradientOptions& options,
                                      int64_t groups) {
  return {in_groups(options.conv, groups), options.filter_height, options.filter_width};
}

// C of a first input x [N,H,W,C]; 1 for what is no image, of which conv2d's rules complain.
int64_t channels_of(std::span<const TensorType> inputs) {
  return inputs.empty() || inputs[0].shape.rank() != 4 ? 1 : inputs[0].shape[3];
}

// What depthwise_conv2d has from conv2d: oneDNN and cuDNN know groups, and so does the plain kernel,
// which takes filters of any size.
template <const Engine& kTarget>
Engine from_conv2d() {
  return delegate<as_conv2d, kTarget>();
}

}  // namespace

Problem as_conv2d(const Problem& problem) {
  const int64_t channels = channels_of(problem.inputs);
  if (problem.op->name == DepthwiseConv2d::kName) {
    return make_problem<Conv2d>(in_groups(problem.options_as<DepthwiseConv2dOptions>(), channels),
                                problem.inputs);
  }
  if (problem.op->name == DepthwiseConv2dInputGradient::kName) {
    return make_problem<Conv2dInputGradient>(
        in_groups(problem.options_as<DepthwiseConv2dInputGradientOptions>()), problem.inputs);
  }
  return make_problem<Conv2dFilterGradient>(
      in_groups(problem.options_as<DepthwiseConv2dFilterGradientOptions>(), channels),
      problem.inputs);
}

std::vector<TensorType> DepthwiseConv2d::infer(const Options& options,
                                               std::span<const TensorType> inputs) {
  return infer_conv2d(kName, in_groups(options, channels_of(inputs)), inputs);
}

void DepthwiseConv2d::gradient(GradientContext& context) {
  DepthwiseConv2dOptions conv = context.options<Options>();
  const Shape x = context.problem().inputs[0].shape, w = context.problem().inputs[1].shape;
  const Value dy = gradient_before_epilogue(context, kName, in_groups(conv, x[3]));
  const std::size_t bias = conv2d_epilogue_inputs(as_conv2d(context.problem())).bias;
  conv.activation = ActivationKind::kNone;
  conv.residual = false;
  if (context.wants(0)) {
    context.set(0, context.add<DepthwiseConv2dInputGradient>({conv, x[1], x[2], x[3]},
                                                             {dy, context.input(1)}));
  }
  if (context.wants(1)) {
    context.set(
        1, context.add<DepthwiseConv2dFilterGradient>({conv, w[1], w[2]}, {context.input(0), dy}));
  }
  if (bias && context.wants(bias)) {
    context.set(bias, tied_bias_gradient(context, dy));
  }
}

Cost DepthwiseConv2d::cost(const Problem& problem) {
  return conv2d_cost(as_conv2d(problem));
}

int64_t DepthwiseConv2d::reduction_length(const Problem& problem) {
  return Conv2d::reduction_length(as_conv2d(problem));
}

std::string DepthwiseConv2d::describe(const Problem& problem) {
  return describe_conv2d(as_conv2d(problem), false);
}

bool DepthwiseConv2d::fuse(const Problem& producer, const Problem& consumer, int input,
                           Fusion& fusion) {
  if (producer.options_as<Options>().prologue.normalise) return false;  // a normaliser comes last
  return fuse_epilogue<Options>(producer, consumer, input, fusion);
}

bool DepthwiseConv2d::accept(const Problem& reader, int input, const Problem& producer,
                             std::shared_ptr<const void>& options) {
  return accept_in_prologue<Options>(reader, input, producer, options);
}

std::span<const Engine> DepthwiseConv2d::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kDepthwiseConv2dRowTile, from_conv2d<kConv2dDirect>(),
#endif
      from_conv2d<kConv2dOnednn>(), from_conv2d<kConv2dReference>(), from_conv2d<kConv2dCudnn>()};
  return engines;
}

std::vector<TensorType> DepthwiseConv2dInputGradient::infer(const Options& options,
                                                            std::span<const TensorType> inputs) {
  return infer_conv2d_input_gradient(kName, in_groups(options), inputs);
}

Cost DepthwiseConv2dInputGradient::cost(const Problem& problem) {
  return conv2d_cost(as_conv2d(problem));
}

int64_t DepthwiseConv2dInputGradient::reduction_length(const Problem& problem) {
  return Conv2dInputGradient::reduction_length(as_conv2d(problem));
}

std::string DepthwiseConv2dInputGradient::describe(const Problem& problem) {
  return describe_conv2d(as_conv2d(problem), false);
}

std::span<const Engine> DepthwiseConv2dInputGradient::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kDepthwiseConv2dInputGradientRowTile, from_conv2d<kConv2dInputGradientDirect>(),
#endif
      from_conv2d<kConv2dInputGradientOnednn>(), from_conv2d<kConv2dInputGradientReference>(),
      from_conv2d<kConv2dInputGradientCudnn>()};
  return engines;
}

std::vector<TensorType> DepthwiseConv2dFilterGradient::infer(const Options& options,
                                                             std::span<const TensorType> inputs) {
  return infer_conv2d_filter_gradient(kName, in_groups(options, channels_of(inputs)), inputs);
}

Cost DepthwiseConv2dFilterGradient::cost(const Problem& problem) {
  return conv2d_cost(as_conv2d(problem));
}

int64_t DepthwiseConv2dFilterGradient::reduction_length(const Problem& problem) {
  return Conv2dFilterGradient::reduction_length(as_conv2d(problem));
}

std::string DepthwiseConv2dFilterGradient::describe(const Problem& problem) {
  return describe_conv2d(as_conv2d(problem), false);
}

bool DepthwiseConv2dFilterGradient::accept(const Problem& reader, int input,
                                           const Problem& producer,
                                           std::shared_ptr<const void>& options) {
  return accept_in_prologue<Options>(reader, input, producer, options);
}

std::span<const Engine> DepthwiseConv2dFilterGradient::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kDepthwiseConv2dFilterGradientTwoPassReduction, from_conv2d<kConv2dFilterGradientDirect>(),
#endif
      from_conv2d<kConv2dFilterGradientOnednn>(), from_conv2d<kConv2dFilterGradientReference>(),
      from_conv2d<kConv2dFilterGradientCudnn>()};
  return engines;
}

}  // namespace voluta
