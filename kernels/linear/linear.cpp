#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/bias/bias.h>
#include <voluta/kernels/bias/tied_bias_gradient.h>
#include <voluta/kernels/common/delegate.h>
#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/linear/linear_as_conv2d.h>
#include <voluta/kernels/linear/linear_engines.h>

#include <array>

namespace voluta {
namespace {

using namespace linear;

const Shape& matrix(const TensorType& type, const char* name, const char* letters) {
  if (type.shape.rank() != 2) {
    invalid(fmt::format("{} must be {}, not {}", name, letters, to_string(type.shape)));
  }
  if (!is_floating(type.dtype)) {
    invalid(fmt::format("{} must be of a floating type, not {}", name, name_of(type.dtype)));
  }
  return type.shape;
}

void check_same_dtype(std::span<const TensorType> inputs) {
  for (const TensorType& type : inputs) {
    if (type.dtype == inputs[0].dtype) continue;
    invalid(fmt::format("inputs must be of one dtype, not {} and {}", name_of(inputs[0].dtype),
                        name_of(type.dtype)));
  }
}

void check_count(std::span<const TensorType> inputs, std::size_t least, std::size_t most) {
  if (inputs.size() >= least && inputs.size() <= most) return;
  invalid(fmt::format("takes {} to {} inputs, not {}", least, most, inputs.size()));
}

void check_extent(const char* what, int64_t a, int64_t b) {
  if (a != b) invalid(fmt::format("{} must agree: {} and {}", what, a, b));
}

Cost product_cost(const Problem& problem, const Extents& e) {
  const double multiply_adds =
      static_cast<double>(e.n) * static_cast<double>(e.f) * static_cast<double>(e.m);
  return {.flops = 2 * multiply_adds, .bytes = bytes_touched(problem)};
}

std::string extents_text(const Extents& e) {
  return fmt::format("n{}f{}m{}", e.n, e.f, e.m);
}

bool same_dtype_as_output(const Problem& producer, const Problem& consumer) {
  return consumer.inputs[0].dtype == producer.outputs[0].dtype;
}

}  // namespace

namespace linear {

Extents forward_extents(const Problem& problem) {
  const Shape &x = problem.inputs[0].shape, &w = problem.inputs[1].shape;
  return {.n = x[0], .f = x[1], .m = w[0]};
}
Extents input_gradient_extents(const Problem& problem) {
  const Shape &dy = problem.inputs[0].shape, &w = problem.inputs[1].shape;
  return {.n = dy[0], .f = w[1], .m = dy[1]};
}
Extents weight_gradient_extents(const Problem& problem) {
  const Shape &x = problem.inputs[0].shape, &dy = problem.inputs[1].shape;
  return {.n = x[0], .f = x[1], .m = dy[1]};
}

bool has_bias(const Problem& forward) {
  return forward.inputs.size() == 3;
}

}  // namespace linear

std::vector<TensorType> Linear::infer(const Options&, std::span<const TensorType> inputs) {
  check_count(inputs, 2, 3);
  check_same_dtype(inputs);
  const Shape& x = matrix(inputs[0], "x", "[N,F]");
  const Shape& w = matrix(inputs[1], "the weight", "[M,F]");
  check_extent("the input features of x and of the weight", x[1], w[1]);
  if (inputs.size() == 3 && inputs[2].shape != Shape{w[0]}) {
    invalid(fmt::format("the bias must be [{}], not {}", w[0], to_string(inputs[2].shape)));
  }
  return {{inputs[0].dtype, {x[0], w[0]}}};
}

void Linear::gradient(GradientContext& context) {
  const ActivationKind activation = context.options<Options>().activation;
  Value dy = context.output_gradient(0);
  if (gradient_reads_input({.kind = activation})) {
    invalid("linear: take gradients before " + std::string(name_of(activation)) +
            " is fused into it; they read what the fusion does not keep");
  }
  if (activation != ActivationKind::kNone) {
    dy = context.add<ActivationGradient>({activation}, {context.output(0), dy});
  }
  if (context.wants(0)) {
    context.set(0, context.add<LinearInputGradient>({}, {dy, context.input(1)}));
  }
  if (context.wants(1)) {
    context.set(1, context.add<LinearWeightGradient>({}, {context.input(0), dy}));
  }
  if (context.input_count() == 3 && context.wants(2)) {
    context.set(2, tied_bias_gradient(context, dy));
  }
}

Cost Linear::cost(const Problem& problem) {
  return product_cost(problem, forward_extents(problem));
}

int64_t Linear::reduction_length(const Problem& problem) {
  return forward_extents(problem).f + (has_bias(problem) ? 1 : 0);
}

std::string Linear::describe(const Problem& problem) {
  const ActivationKind activation = problem.options_as<Options>().activation;
  std::string text = extents_text(forward_extents(problem));
  if (has_bias(problem)) text += " bias";
  if (activation != ActivationKind::kNone) text += fmt::format(" {}", name_of(activation));
  return text + fmt::format(" {}", name_of(problem.inputs[0].dtype));
}

bool Linear::fuse(const Problem& producer, const Problem& consumer, int, Fusion& fusion) {
  const Options& options = producer.options_as<Options>();
  if (options.activation != ActivationKind::kNone) return false;
  if (!same_dtype_as_output(producer, consumer)) return false;
  if (consumer.op == &op<Bias>() && is_tied(consumer) && !has_bias(producer)) {
    fusion = {.options = producer.options, .consumer_inputs = {1}};
    return true;
  }
  if (consumer.op == &op<Activation>()) {
    const ActivationOptions& activation = consumer.options_as<ActivationOptions>();
    if (!fits_epilogue(activation)) return false;
    fusion = {.options = std::make_shared<const Options>(Options{.activation = activation.kind}),
              .consumer_inputs = {}};
    return true;
  }
  return false;
}

std::span<const Engine> Linear::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kFewRows,  // where it pays
      delegate<as_conv2d, kConv2dSplitKTmaWgmma>(),
      delegate<as_conv2d, kConv2dImplicitGemmTmaWgmma>(),
      delegate<as_conv2d, kConv2dSplitKMma>(),
      kMma,
      delegate<as_conv2d, kConv2dSplitKTmaWgmmaTf32>(),
      delegate<as_conv2d, kConv2dImplicitGemmTmaWgmmaTf32>(),
      delegate<as_conv2d, kConv2dSplitKMmaTf32>(),
      kMmaTf32,
      kTiled,
#endif
      kOnednn,
      kReference,
      kCublaslt.forward,
      kCublasltHalf.forward,
      kCublasltTf32.forward};
  return engines;
}

std::vector<TensorType> LinearInputGradient::infer(const Options&,
                                                   std::span<const TensorType> inputs) {
  check_count(inputs, 2, 2);
  check_same_dtype(inputs);
  const Shape& dy = matrix(inputs[0], "dy", "[N,M]");
  const Shape& w = matrix(inputs[1], "the weight", "[M,F]");
  check_extent("the output features of dy and of the weight", dy[1], w[0]);
  return {{inputs[0].dtype, {dy[0], w[1]}}};
}

Cost LinearInputGradient::cost(const Problem& problem) {
  return product_cost(problem, input_gradient_extents(problem));
}

int64_t LinearInputGradient::reduction_length(const Problem& problem) {
  return input_gradient_extents(problem).m;
}

std::string LinearInputGradient::describe(const Problem& problem) {
  return fmt::format("{} {}", extents_text(input_gradient_extents(problem)),
                     name_of(problem.inputs[0].dtype));
}

std::span<const Engine> LinearInputGradient::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kInputGradientFewRows,  // where it pays
      delegate<as_conv2d_input_gradient, kConv2dInputGradientSplitKTmaWgmma>(),
      delegate<as_conv2d_input_gradient, kConv2dInputGradientImplicitGemmTmaWgmma>(),
      delegate<as_conv2d_input_gradient, kConv2dInputGradientSplitKMma>(),
      kInputGradientMma,
      delegate<as_conv2d_input_gradient, kConv2dInputGradientSplitKTmaWgmmaTf32>(),
      delegate<as_conv2d_input_gradient, kConv2dInputGradientImplicitGemmTmaWgmmaTf32>(),
      delegate<as_conv2d_input_gradient, kConv2dInputGradientSplitKMmaTf32>(),
      kInputGradientMmaTf32,
      kInputGradientTiled,
#endif
      kInputGradientOnednn,
      kInputGradientReference,
      kCublaslt.input_gradient,
      kCublasltHalf.input_gradient,
      kCublasltTf32.input_gradient};
  return engines;
}

std::vector<TensorType> LinearWeightGradient::infer(const Options&,
                                                    std::span<const TensorType> inputs) {
  check_count(inputs, 2, 2);
  check_same_dtype(inputs);
  const Shape& x = matrix(inputs[0], "x", "[N,F]");
  const Shape& dy = matrix(inputs[1], "dy", "[N,M]");
  check_extent("the rows of x and dy", x[0], dy[0]);
  return {{inputs[0].dtype, {dy[1], x[1]}}};
}

Cost LinearWeightGradient::cost(const Problem& problem) {
  return product_cost(problem, weight_gradient_extents(problem));
}

int64_t LinearWeightGradient::reduction_length(const Problem& problem) {
  return weight_gradient_extents(problem).n;
}

std::string LinearWeightGradient::describe(const Problem& problem) {
  return fmt::format("{} {}", extents_text(weight_gradient_extents(problem)),
                     name_of(problem.inputs[0].dtype));
}

std::span<const Engine> LinearWeightGradient::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      delegate<as_conv2d_filter_gradient, kConv2dFilterGradientImplicitGemmTmaWgmma>(),
      kWeightGradientMma,
      delegate<as_conv2d_filter_gradient, kConv2dFilterGradientImplicitGemmTmaWgmmaTf32>(),
      kWeightGradientMmaTf32,
      kWeightGradientTiled,
#endif
      kWeightGradientOnednn,
      kWeightGradientReference,
      kCublaslt.weight_gradient,
      kCublasltHalf.weight_gradient,
      kCublasltTf32.weight_gradient};
  return engines;
}

}  // namespace voluta
