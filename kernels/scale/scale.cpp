#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/scale/scale.h>
#include <voluta/kernels/scale/scale_engines.h>

#include <cmath>

namespace voluta {

std::vector<TensorType> Scale::infer(const Options& options, std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, 1);
  if (!std::isfinite(options.factor)) {
    invalid(fmt::format("scale: the factor is {}; it must be finite", options.factor));
  }
  return {inputs[0]};
}

void Scale::gradient(GradientContext& context) {
  context.set(0, context.add<Scale>(context.options<Options>(), {context.output_gradient(0)}));
}

Cost Scale::cost(const Problem& problem) {
  return {.flops = static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

int64_t Scale::reduction_length(const Problem&) {
  return 1;
}

std::string Scale::describe(const Problem& problem) {
  const TensorType& x = problem.inputs[0];
  return fmt::format("{} factor{} {}", describe_extents(x.shape),
                     problem.options_as<Options>().factor, name_of(x.dtype));
}

std::span<const Engine> Scale::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kScaleElementwise,
#endif
      kScaleOpenmp, kScaleReference};
  return engines;
}

std::vector<Alias> Scale::aliases(const Problem&) {
  return {{.input = 0, .output = 0}};
}

}  // namespace voluta
