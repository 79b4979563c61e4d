#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/dropout/dropout_engines.h>

#include <array>

namespace voluta {

std::vector<TensorType> Dropout::infer(const Options& options, std::span<const TensorType> inputs) {
  if (!(options.probability >= 0 && options.probability <= 1)) {
    invalid(fmt::format("dropout's probability is {}; it must lie in [0, 1]", options.probability));
  }
  const TensorType step{DType::i64, {}};
  if (inputs.size() != 2 || inputs[1] != step) invalid("dropout takes x and the step, i64 []");
  if (!is_floating(inputs[0].dtype)) fail_not_floating(inputs[0].dtype);
  return {inputs[0]};
}

void Dropout::gradient(GradientContext& context) {
  if (!context.wants(0)) return;
  context.set(0, context.add<Dropout>(context.options<Options>(),
                                      {context.output_gradient(0), context.input(1)}));
}

Cost Dropout::cost(const Problem& problem) {
  return {.flops = static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

int64_t Dropout::reduction_length(const Problem&) {
  return 1;
}

std::string Dropout::describe(const Problem& problem) {
  const Options& options = problem.options_as<Options>();
  return fmt::format("{} probability{} seed{} stream{} {}",
                     describe_extents(problem.inputs[0].shape), options.probability, options.seed,
                     options.stream, name_of(problem.inputs[0].dtype));
}

std::span<const Engine> Dropout::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      dropout::kElementwise,
#endif
      dropout::kOpenmp, dropout::kReference};
  return engines;
}

std::vector<Alias> Dropout::aliases(const Problem&) {
  return {{.input = 0, .output = 0}};
}

}  // namespace voluta
