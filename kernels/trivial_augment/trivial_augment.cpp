#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/trivial_augment/trivial_augment_rules.h>

#include <array>

namespace voluta {

std::vector<TensorType> TrivialAugment::infer(const Options& options,
                                              std::span<const TensorType> inputs) {
  if (inputs.size() != 4) {
    invalid(fmt::format("takes pictures, changes, factors and affine maps, not {} inputs",
                        inputs.size()));
  }
  const TensorType& x = inputs[0];
  check_pixels(x, options);
  const int64_t n = x.shape[0];
  const TensorType changes{DType::i64, {n}}, affine{DType::i64, {n, 6}};
  const TensorType factors{x.dtype == DType::f64 ? DType::f64 : DType::f32, {n}};
  if (inputs[1] != changes || inputs[2] != factors || inputs[3] != affine) {
    invalid(fmt::format("changes, factors and affine must be {}, {} and {}, not {}, {} and {}",
                        to_string(changes), to_string(factors), to_string(affine),
                        to_string(inputs[1]), to_string(inputs[2]), to_string(inputs[3])));
  }
  return {x};
}

Cost TrivialAugment::cost(const Problem& problem) {
  return {.flops = 10 * static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

int64_t TrivialAugment::reduction_length(const Problem&) {
  return 9;
}

std::string TrivialAugment::describe(const Problem& problem) {
  return describe_pixels(problem.inputs[0], problem.options_as<Options>());
}

std::span<const Engine> TrivialAugment::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      trivial_augment::kLevelTable,
#endif
      trivial_augment::kOpenmp, trivial_augment::kReference};
  return engines;
}

}  // namespace voluta
