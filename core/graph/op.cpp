#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/core/graph/op.h>

namespace voluta {

std::string describe(const Problem& problem) {
  return std::string(problem.op->name) + " " + problem.op->describe(problem);
}

void NotDifferentiable::gradient(GradientContext& context) {
  invalid("op '" + std::string(context.problem().op->name) + "' has no gradient");
}

double bytes_touched(const Problem& problem) {
  double bytes = 0;
  for (const TensorType& type : problem.inputs) bytes += static_cast<double>(type.bytes());
  for (const TensorType& type : problem.outputs) bytes += static_cast<double>(type.bytes());
  return bytes;
}

Support support_on(const Engine& engine, const Problem& problem, Device device) {
  const int capability = compute_capability(device);
  if (capability < engine.chips.from || capability >= engine.chips.below) {
    const auto text = [](int c) { return std::to_string(c / 10) + "." + std::to_string(c % 10); };
    std::string reason = "needs compute capability " + text(engine.chips.from);
    if (engine.chips.below != INT_MAX) reason += " to below " + text(engine.chips.below);
    return Support::no(reason + "; the device has " + text(capability));
  }
  return engine.supports(problem);
}

Problem make_problem(const Op& op, std::shared_ptr<const void> options,
                     std::vector<TensorType> inputs) {
  std::vector<TensorType> outputs = op.infer(options.get(), inputs);
  return {&op, std::move(options), std::move(inputs), std::move(outputs)};
}

}  // namespace voluta
