#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/softmax/softmax_engines.h>

#include <array>

namespace voluta {
namespace {

void check_matrix(const TensorType& type, const char* name) {
  if (type.shape.rank() != 2 || !is_floating(type.dtype)) {
    invalid(fmt::format("{} must be floating [N,K], not {}", name, to_string(type)));
  }
}

std::string text(const Problem& problem) {
  const TensorType& x = problem.inputs[0];
  return fmt::format("n{}k{} {}", x.shape[0], x.shape[1], name_of(x.dtype));
}

// Operations an element: subtract, exponential (counted one), add and divide; or multiply-add,
// subtract and multiply.
Cost row_cost(const Problem& problem) {
  return {.flops = 4.0 * static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

}  // namespace

std::vector<TensorType> Softmax::infer(const Options&, std::span<const TensorType> inputs) {
  if (inputs.size() != 1) invalid(fmt::format("takes 1 input, not {}", inputs.size()));
  check_matrix(inputs[0], "x");
  return {inputs[0]};
}

void Softmax::gradient(GradientContext& context) {
  if (!context.wants(0)) return;
  context.set(0, context.add<SoftmaxGradient>({}, {context.output(0), context.output_gradient(0)}));
}

Cost Softmax::cost(const Problem& problem) {
  return row_cost(problem);
}

int64_t Softmax::reduction_length(const Problem& problem) {
  return problem.inputs[0].shape[1];
}

std::string Softmax::describe(const Problem& problem) {
  return text(problem);
}

std::span<const Engine> Softmax::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      softmax::kOnline,
#endif
      softmax::kOpenmp, softmax::kReference};
  return engines;
}

std::vector<Alias> Softmax::aliases(const Problem&) {
  return {{.input = 0, .output = 0}};
}

std::vector<TensorType> SoftmaxGradient::infer(const Options&, std::span<const TensorType> inputs) {
  if (inputs.size() != 2) invalid(fmt::format("takes 2 inputs, not {}", inputs.size()));
  check_matrix(inputs[0], "y");
  if (inputs[0] != inputs[1]) {
    invalid(fmt::format("y and dy must be of one type, not {} and {}", to_string(inputs[0]),
                        to_string(inputs[1])));
  }
  return {inputs[0]};
}

Cost SoftmaxGradient::cost(const Problem& problem) {
  return row_cost(problem);
}

int64_t SoftmaxGradient::reduction_length(const Problem& problem) {
  return problem.inputs[0].shape[1];
}

std::string SoftmaxGradient::describe(const Problem& problem) {
  return text(problem);
}

std::span<const Engine> SoftmaxGradient::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      softmax::kGradientRowSum,
#endif
      softmax::kGradientOnednn, softmax::kGradientOpenmp, softmax::kGradientReference};
  return engines;
}

std::vector<Alias> SoftmaxGradient::aliases(const Problem&) {
  return {{.input = 1, .output = 0}};
}

}  // namespace voluta
