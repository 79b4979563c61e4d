#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/add/add.h>
#include <voluta/kernels/bias/bias.h>
#include <voluta/kernels/bias/tied_bias_gradient.h>
#include <voluta/kernels/common/normalised.h>
#include <voluta/kernels/conv2d/conv2d.h>
#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_geometry.h>
#include <voluta/kernels/conv2d/conv2d_rules.h>

namespace voluta {

std::vector<TensorType> Conv2d::infer(const Options& options, std::span<const TensorType> inputs) {
  return infer_conv2d(kName, options, inputs);
}

void Conv2d::gradient(GradientContext& context) {
  Conv2dOptions conv = context.options<Options>();
  const Shape x = context.problem().inputs[0].shape, w = context.problem().inputs[1].shape;
  const Value dy = gradient_before_epilogue(context, kName, conv);
  const std::size_t bias = conv2d_epilogue_inputs(context.problem()).bias;
  conv.activation = ActivationKind::kNone;
  conv.residual = false;
  if (context.wants(0)) {
    context.set(0, context.add<Conv2dInputGradient>({conv, x[1], x[2]}, {dy, context.input(1)}));
  }
  if (context.wants(1)) {
    context.set(1, context.add<Conv2dFilterGradient>({conv, w[1], w[2]}, {context.input(0), dy}));
  }
  if (bias && context.wants(bias)) {
    context.set(bias, tied_bias_gradient(context, dy));
  }
}

Cost Conv2d::cost(const Problem& problem) {
  return conv2d_cost(problem);
}

int64_t Conv2d::reduction_length(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  return g.r * g.s * g.group_c + conv2d_epilogue_roundings(problem);
}

std::string Conv2d::describe(const Problem& problem) {
  return describe_conv2d(problem);
}

std::span<const Engine> Conv2d::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kConv2dSplitKTmaWgmma,
      kConv2dImplicitGemmTmaWgmma,
      kConv2dStagedRowsMma,
      kConv2dGroupedRowsMma,
      kConv2dSplitKMma,
      kConv2dImplicitGemmMma,
      kConv2dSplitKTmaWgmmaTf32,
      kConv2dImplicitGemmTmaWgmmaTf32,
      kConv2dSplitKMmaTf32,
      kConv2dImplicitGemmMmaTf32,
      kConv2dWinograd2x2,
      kConv2dSplitK,
      kConv2dImplicitGemm,
      kConv2dWinograd4x4,
      kConv2dDirect,
#endif
      kConv2dOnednn,
      kConv2dReference,
      kConv2dCudnn,
      kConv2dCudnnHalf,
      kConv2dCudnnTf32};
  return engines;
}

bool Conv2d::fuse(const Problem& producer, const Problem& consumer, int input, Fusion& fusion) {
  const Options& options = producer.options_as<Options>();
  // Moments are those of the output as it is; a normaliser comes last.
  if (options.moments || options.prologue.normalise) return false;
  return fuse_epilogue<Options>(producer, consumer, input, fusion);
}

bool Conv2d::accept(const Problem& reader, int input, const Problem& producer,
                    std::shared_ptr<const void>& options) {
  return accept_in_prologue<Options>(reader, input, producer, options);
}

std::vector<TensorType> Conv2dInputGradient::infer(const Options& options,
                                                   std::span<const TensorType> inputs) {
  return infer_conv2d_input_gradient(kName, options, inputs);
}

Cost Conv2dInputGradient::cost(const Problem& problem) {
  return conv2d_cost(problem);
}

int64_t Conv2dInputGradient::reduction_length(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  return g.r * g.s * g.group_k + conv2d_epilogue_roundings(problem);
}

std::string Conv2dInputGradient::describe(const Problem& problem) {
  return describe_conv2d(problem);
}

std::span<const Engine> Conv2dInputGradient::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kConv2dInputGradientSplitKTmaWgmma,
      kConv2dInputGradientImplicitGemmTmaWgmma,
      kConv2dInputGradientGroupedRowsMma,
      kConv2dInputGradientSplitKMma,
      kConv2dInputGradientImplicitGemmMma,
      kConv2dInputGradientSplitKTmaWgmmaTf32,
      kConv2dInputGradientImplicitGemmTmaWgmmaTf32,
      kConv2dInputGradientSplitKMmaTf32,
      kConv2dInputGradientImplicitGemmMmaTf32,
      kConv2dInputGradientWinograd2x2,
      kConv2dInputGradientSplitK,
      kConv2dInputGradientImplicitGemm,
      kConv2dInputGradientWinograd4x4,
      kConv2dInputGradientDirect,
#endif
      kConv2dInputGradientOnednn,
      kConv2dInputGradientReference,
      kConv2dInputGradientCudnn,
      kConv2dInputGradientCudnnHalf,
      kConv2dInputGradientCudnnTf32};
  return engines;
}

bool Conv2dInputGradient::fuse(const Problem& producer, const Problem& consumer, int input,
                               Fusion& fusion) {
  Options options = producer.options_as<Options>();
  if (options.sums || options.gate != ActivationKind::kNone) return false;
  if (consumer.op == &op<Add>() && !options.residual) {
    options.residual = true;
  } else if (consumer.op == &op<ActivationGradient>() && input == 1) {
    options.gate = consumer.options_as<ActivationOptions>().kind;
    if (options.gate == ActivationKind::kNone || !is_clamp(options.gate)) return false;
  } else {
    return false;
  }
  fusion = {.options = std::make_shared<const Options>(options), .consumer_inputs = {1 - input}};
  return true;
}

std::vector<TensorType> Conv2dFilterGradient::infer(const Options& options,
                                                    std::span<const TensorType> inputs) {
  return infer_conv2d_filter_gradient(kName, options, inputs);
}

Cost Conv2dFilterGradient::cost(const Problem& problem) {
  return conv2d_cost(problem);
}

int64_t Conv2dFilterGradient::reduction_length(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  return g.n * g.p * g.q;
}

std::string Conv2dFilterGradient::describe(const Problem& problem) {
  return describe_conv2d(problem);
}

bool Conv2dFilterGradient::accept(const Problem& reader, int input, const Problem& producer,
                                  std::shared_ptr<const void>& options) {
  return accept_in_prologue<Options>(reader, input, producer, options);
}

std::span<const Engine> Conv2dFilterGradient::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kConv2dFilterGradientImplicitGemmTmaWgmma,
      kConv2dFilterGradientStagedRowsMma,
      kConv2dFilterGradientGroupedRowsMma,
      kConv2dFilterGradientImplicitGemmMma,
      kConv2dFilterGradientImplicitGemmTmaWgmmaTf32,
      kConv2dFilterGradientImplicitGemmMmaTf32,
      kConv2dFilterGradientWinograd2x2,
      kConv2dFilterGradientImplicitGemm,
      kConv2dFilterGradientDirect,
#endif
      kConv2dFilterGradientOnednn,
      kConv2dFilterGradientReference,
      kConv2dFilterGradientCudnn,
      kConv2dFilterGradientCudnnHalf,
      kConv2dFilterGradientCudnnTf32};
  return engines;
}

}  // namespace voluta
