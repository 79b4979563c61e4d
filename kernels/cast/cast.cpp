#include <voluta/core/error.h>
#include <voluta/core/graph/autodiff.h>
#include <voluta/kernels/cast/cast.h>
#include <voluta/kernels/cast/cast_engines.h>
#include <voluta/kernels/common/problem_checks.h>

namespace voluta {

std::vector<TensorType> Cast::infer(const Options& options, std::span<const TensorType> inputs) {
  check_floating_inputs(kName, inputs, 1);
  if (options.to != DType::f32 && options.to != DType::bf16 && options.to != DType::f16) {
    invalid("cast: the target is f32, bf16 or f16, not " + std::string(name_of(options.to)));
  }
  const TensorType& x = inputs[0];
  return {{x.dtype == DType::f64 ? DType::f64 : options.to, x.shape}};
}

void Cast::gradient(GradientContext& context) {
  const DType from = context.problem().inputs[0].dtype;
  const Value dy = context.output_gradient(0);
  // See Note [A cast in f64].
  context.set(0, from == DType::f64 ? dy : context.add<Cast>({.to = from}, {dy}));
}

Cost Cast::cost(const Problem& problem) {
  return {.flops = 0, .bytes = bytes_touched(problem)};
}

int64_t Cast::reduction_length(const Problem&) {
  return 0;
}

std::string Cast::describe(const Problem& problem) {
  const TensorType& x = problem.inputs[0];
  return describe_extents(x.shape) + " to_" +
         std::string(name_of(problem.options_as<Options>().to)) + " " +
         std::string(name_of(x.dtype));
}

std::span<const Engine> Cast::engines() {
  static const Engine engines[] = {
#ifdef VOLUTA_WITH_CUDA
      kCastElementwise,
#endif
      kCastOpenmp, kCastReference};
  return engines;
}

}  // namespace voluta
