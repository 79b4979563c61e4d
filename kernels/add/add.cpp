#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/add/add.h>
#include <voluta/kernels/add/add_engines.h>
#include <voluta/kernels/common/problem_checks.h>

namespace voluta {

std::vector<TensorType> Add::infer(const Options&, std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, 2);
  if (inputs[0].shape != inputs[1].shape) {
    invalid("add: the summands have the shapes " + to_string(inputs[0].shape) + " and " +
            to_string(inputs[1].shape) + "; they must be equal");
  }
  return {inputs[0]};
}

void Add::gradient(GradientContext& context) {
  for (std::size_t i = 0; i < 2; ++i) {
    if (context.wants(i)) context.set(i, context.output_gradient(0));
  }
}

Cost Add::cost(const Problem& problem) {
  return {.flops = static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

int64_t Add::reduction_length(const Problem&) {
  return 1;
}

std::string Add::describe(const Problem& problem) {
  return describe_extents(problem.inputs[0].shape) + " " +
         std::string(name_of(problem.inputs[0].dtype));
}

std::span<const Engine> Add::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kAddElementwise,
#endif
      kAddOnednn, kAddOpenmp, kAddReference};
  return engines;
}

std::vector<Alias> Add::aliases(const Problem&) {
  return {{.input = 0, .output = 0}, {.input = 1, .output = 0}};
}

}  // namespace voluta
