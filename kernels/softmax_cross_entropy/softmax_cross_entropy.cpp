#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/softmax_cross_entropy/softmax_cross_entropy_engines.h>

#include <array>

namespace voluta {
namespace {

using cross_entropy::Setup, cross_entropy::setup_of;

DType loss_dtype(DType logits) {
  return logits == DType::f64 ? DType::f64 : DType::f32;
}

void check(const SoftmaxCrossEntropyOptions& options, std::span<const TensorType> inputs,
           std::size_t count) {
  if (inputs.size() != count) invalid(fmt::format("takes {} inputs, not {}", count, inputs.size()));
  const TensorType &logits = inputs[0], &targets = inputs[1];
  if (logits.shape.rank() != 2 || !is_floating(logits.dtype)) {
    invalid(fmt::format("logits must be floating [N,K], not {}", to_string(logits)));
  }
  if (targets != logits && targets != TensorType{DType::i64, {logits.shape[0]}}) {
    invalid(fmt::format("the targets must be labels, i64 [{}], or soft, {}, not {}",
                        logits.shape[0], to_string(logits), to_string(targets)));
  }
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1)) {
    invalid(fmt::format("label smoothing is {}; it must lie in [0, 1]", options.label_smoothing));
  }
}

std::string text(const Problem& problem) {
  const Setup s = setup_of(problem);
  std::string text = fmt::format("n{}k{}", s.n, s.k);
  if (s.soft) text += " soft";
  if (s.smoothing != 0) text += fmt::format(" smoothing{}", s.smoothing);
  return text + fmt::format(" {}", name_of(problem.inputs[0].dtype));
}

// Operations an element: compare, subtract, exponential (counted one), add.
Cost row_cost(const Problem& problem) {
  return {.flops = 4.0 * static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

}  // namespace

cross_entropy::Setup cross_entropy::setup_of(const Problem& problem) {
  const Shape& logits = problem.inputs[0].shape;
  return {.n = logits[0],
          .k = logits[1],
          .smoothing = problem.options_as<SoftmaxCrossEntropyOptions>().label_smoothing,
          .soft = is_floating(problem.inputs[1].dtype)};
}

std::vector<TensorType> SoftmaxCrossEntropy::infer(const Options& options,
                                                   std::span<const TensorType> inputs) {
  check(options, inputs, 2);
  return {{loss_dtype(inputs[0].dtype), {}}};
}

void SoftmaxCrossEntropy::gradient(GradientContext& context) {
  if (context.wants(1)) {
    invalid(
        "the targets of softmax_cross_entropy have no gradient; they must not depend on what is "
        "trained");
  }
  const Options& options = context.options<Options>();
  context.set(0, context.add<SoftmaxCrossEntropyGradient>(
                     options, {context.input(0), context.input(1), context.output_gradient(0)}));
}

Cost SoftmaxCrossEntropy::cost(const Problem& problem) {
  return row_cost(problem);
}

int64_t SoftmaxCrossEntropy::reduction_length(const Problem& problem) {
  return setup_of(problem).k;
}

std::string SoftmaxCrossEntropy::describe(const Problem& problem) {
  return text(problem);
}

std::span<const Engine> SoftmaxCrossEntropy::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      cross_entropy::kOnline,
#endif
      cross_entropy::kReference};
  return engines;
}

std::vector<TensorType> SoftmaxCrossEntropyGradient::infer(const Options& options,
                                                           std::span<const TensorType> inputs) {
  check(options, inputs, 3);
  const TensorType expected{loss_dtype(inputs[0].dtype), {}};
  if (inputs[2] != expected) {
    invalid(fmt::format("dloss must be {}, not {}", to_string(expected), to_string(inputs[2])));
  }
  return {inputs[0]};
}

Cost SoftmaxCrossEntropyGradient::cost(const Problem& problem) {
  return row_cost(problem);
}

int64_t SoftmaxCrossEntropyGradient::reduction_length(const Problem& problem) {
  return setup_of(problem).k;
}

std::string SoftmaxCrossEntropyGradient::describe(const Problem& problem) {
  return text(problem);
}

std::span<const Engine> SoftmaxCrossEntropyGradient::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      cross_entropy::kGradientOnline,
#endif
      cross_entropy::kGradientReference};
  return engines;
}

std::vector<Alias> SoftmaxCrossEntropyGradient::aliases(const Problem&) {
  return {{.input = 0, .output = 0}};
}

}  // namespace voluta
