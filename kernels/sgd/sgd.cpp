#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/kernels/sgd/sgd_engines.h>

#include <array>

namespace voluta {
namespace {

void check(const SgdOptions& options) {
  if (!(options.momentum >= 0)) {
    invalid(fmt::format("momentum is {}; it must be at least 0", options.momentum));
  }
  if (!(options.weight_decay >= 0)) {
    invalid(fmt::format("weight decay is {}; it must be at least 0", options.weight_decay));
  }
  if (options.nesterov && options.momentum == 0) {
    invalid("Nesterov's step needs momentum above 0");
  }
}

}  // namespace

std::vector<TensorType> SgdUpdate::infer(const Options& options,
                                         std::span<const TensorType> inputs) {
  check(options);
  const std::size_t tensors = options.momentum != 0 ? 3 : 2;
  if (inputs.size() != tensors + 1) {
    invalid(fmt::format("takes {} inputs with momentum {}, not {}", tensors + 1, options.momentum,
                        inputs.size()));
  }
  const TensorType &parameter = inputs[0], &rate = inputs[tensors];
  if (!is_floating(parameter.dtype)) {
    invalid(fmt::format("the parameter must be floating, not {}", to_string(parameter)));
  }
  for (const TensorType& type : inputs.first(tensors)) {
    if (type == parameter) continue;
    invalid(fmt::format("the parameter is {}, its gradient or momentum buffer {}",
                        to_string(parameter), to_string(type)));
  }
  const TensorType expected{parameter.dtype == DType::f64 ? DType::f64 : DType::f32, {}};
  if (rate != expected) {
    invalid(
        fmt::format("the learning rate must be {}, not {}", to_string(expected), to_string(rate)));
  }
  return std::vector<TensorType>(tensors - 1, parameter);
}

Cost SgdUpdate::cost(const Problem& problem) {
  const Options& options = problem.options_as<Options>();
  const int multiply_adds = 1 + (options.weight_decay != 0 ? 1 : 0) +
                            (options.momentum != 0 ? 1 : 0) + (options.nesterov ? 1 : 0);
  return {.flops = 2.0 * multiply_adds * static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

int64_t SgdUpdate::reduction_length(const Problem&) {
  return 3;
}

std::string SgdUpdate::describe(const Problem& problem) {
  const Options& options = problem.options_as<Options>();
  std::string text = fmt::format("n{}", problem.inputs[0].shape.elements());
  if (options.momentum != 0) text += fmt::format(" momentum{}", options.momentum);
  if (options.weight_decay != 0) text += fmt::format(" decay{}", options.weight_decay);
  if (options.nesterov) text += " nesterov";
  return text + fmt::format(" {}", name_of(problem.inputs[0].dtype));
}

std::span<const Engine> SgdUpdate::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      sgd::kElementwise,
#endif
      sgd::kOpenmp, sgd::kReference};
  return engines;
}

std::vector<Alias> SgdUpdate::aliases(const Problem& problem) {
  std::vector<Alias> aliases{{.input = 0, .output = 0, .must = true}};
  if (problem.options_as<Options>().momentum != 0) {
    aliases.push_back({.input = 2, .output = 1, .must = true});
  }
  return aliases;
}

}  // namespace voluta
