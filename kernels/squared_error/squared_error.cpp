#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/scale/scale.h>
#include <voluta/kernels/squared_error/squared_error.h>
#include <voluta/kernels/squared_error/squared_error_engines.h>

namespace voluta {
namespace {

TensorType loss_type(const TensorType& prediction) {
  return {prediction.dtype == DType::f64 ? DType::f64 : DType::f32, {}};
}

void check_pair(std::string_view op, std::span<const TensorType> inputs) {
  check_floating_inputs(op, inputs, 2);
  if (inputs[0].shape == inputs[1].shape) return;
  invalid(std::string(op) + ": the prediction has the shape " + to_string(inputs[0].shape) +
          " and the target " + to_string(inputs[1].shape) + "; they must be equal");
}

std::string text(const Problem& problem) {
  return describe_extents(problem.inputs[0].shape) + " " +
         std::string(name_of(problem.inputs[0].dtype));
}

// A difference, and its square added up or its product.
Cost element_cost(const Problem& problem, double operations) {
  return {.flops = operations * static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

}  // namespace

std::vector<TensorType> SquaredError::infer(const Options&, std::span<const TensorType> inputs) {
  check_pair(kName, inputs);
  return {loss_type(inputs[0])};
}

void SquaredError::gradient(GradientContext& context) {
  const Value by_prediction = context.add<SquaredErrorGradient>(
      {}, {context.input(0), context.input(1), context.output_gradient(0)});
  if (context.wants(0)) context.set(0, by_prediction);
  if (context.wants(1)) context.set(1, context.add<Scale>({.factor = -1}, {by_prediction}));
}

Cost SquaredError::cost(const Problem& problem) {
  return element_cost(problem, 3);
}

int64_t SquaredError::reduction_length(const Problem& problem) {
  return problem.inputs[0].shape.elements();
}

std::string SquaredError::describe(const Problem& problem) {
  return text(problem);
}

std::span<const Engine> SquaredError::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      mean_squares::kTwoPassReduction,
#endif
      mean_squares::kOpenmp, mean_squares::kReference};
  return engines;
}

std::vector<TensorType> SquaredErrorGradient::infer(const Options&,
                                                    std::span<const TensorType> inputs) {
  if (inputs.size() != 3) {
    invalid(std::string(kName) + " takes 3 inputs, not " + std::to_string(inputs.size()));
  }
  check_pair(kName, inputs.first(2));
  const TensorType expected = loss_type(inputs[0]);
  if (inputs[2] != expected) {
    invalid(std::string(kName) + ": dloss must be " + to_string(expected) + ", not " +
            to_string(inputs[2]));
  }
  return {inputs[0]};
}

Cost SquaredErrorGradient::cost(const Problem& problem) {
  return element_cost(problem, 2);
}

int64_t SquaredErrorGradient::reduction_length(const Problem&) {
  return 3;
}

std::string SquaredErrorGradient::describe(const Problem& problem) {
  return text(problem);
}

std::span<const Engine> SquaredErrorGradient::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      mean_squares::kGradientElementwise,
#endif
      mean_squares::kGradientOpenmp, mean_squares::kGradientReference};
  return engines;
}

std::vector<Alias> SquaredErrorGradient::aliases(const Problem&) {
  return {{.input = 0, .output = 0}, {.input = 1, .output = 0}};
}

}  // namespace voluta
