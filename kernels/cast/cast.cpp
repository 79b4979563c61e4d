#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/cast/cast.h>
#include <voluta/kernels/cast/cast_engines.h>
#include <voluta/kernels/common/problem_checks.h>

#include <algorithm>

namespace voluta {

std::vector<TensorType> Cast::infer(const Options& options, std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, std::max<std::size_t>(inputs.size(), 1));
  if (options.to != DType::f32 && options.to != DType::bf16 && options.to != DType::f16) {
    invalid("cast: the target is f32, bf16 or f16, not " + std::string(name_of(options.to)));
  }
  const DType to = inputs[0].dtype == DType::f64 ? DType::f64 : options.to;
  std::vector<TensorType> outputs;
  for (const TensorType& x : inputs) outputs.push_back({to, x.shape});
  return outputs;
}

void Cast::gradient(GradientContext& context) {
  const DType from = context.problem().inputs[0].dtype;
  for (std::size_t i = 0; i < context.input_count(); ++i) {
    const Value dy = context.output_gradient(i);
    if (!dy || !context.wants(i)) continue;
    // See Note [A cast in f64].
    context.set(i, from == DType::f64 ? dy : context.add<Cast>({.to = from}, {dy}));
  }
}

Cost Cast::cost(const Problem& problem) {
  return {.flops = 0, .bytes = bytes_touched(problem)};
}

int64_t Cast::reduction_length(const Problem&) {
  return 0;
}

std::string Cast::describe(const Problem& problem) {
  const TensorType& x = problem.inputs[0];
  const bool several = problem.inputs.size() > 1;
  return (several ? describe_tensors(problem.inputs) : describe_extents(x.shape)) + " to_" +
         std::string(name_of(problem.options_as<Options>().to)) + " " +
         std::string(name_of(x.dtype));
}

std::span<const Engine> Cast::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kCastElementwise, kCastMultiTensor,
#endif
      kCastOpenmp, kCastReference};
  return engines;
}

bool Cast::join(const Problem& first, const Problem& second) {
  return first.options_as<Options>().to == second.options_as<Options>().to &&
         first.inputs[0].dtype == second.inputs[0].dtype;
}

}  // namespace voluta
