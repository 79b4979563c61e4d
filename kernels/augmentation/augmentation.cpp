#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/kernels/augmentation/augmentation_rules.h>
#include <voluta/kernels/common/problem_checks.h>

#include <array>

namespace voluta {
namespace {

using namespace augmentation;

void check_pictures(std::span<const TensorType> inputs, std::size_t count, const char* others) {
  if (inputs.size() != count) {
    invalid(fmt::format("takes pictures and {}, not {} inputs", others, inputs.size()));
  }
  if (!is_floating(inputs[0].dtype) || inputs[0].shape.rank() != 4) {
    invalid(fmt::format("pictures must be floating [N,H,W,C], not {}", to_string(inputs[0])));
  }
}

void check_is(const char* what, const TensorType& type, const TensorType& expected) {
  if (type == expected) return;
  invalid(fmt::format("{} must be {}, not {}", what, to_string(expected), to_string(type)));
}

std::string describe_pictures(const Problem& problem) {
  return fmt::format("{} {}", describe_extents(problem.inputs[0].shape),
                     name_of(problem.inputs[0].dtype));
}

}  // namespace

std::vector<TensorType> ErasePictures::infer(const Options&, std::span<const TensorType> inputs) {
  check_pictures(inputs, 2, "boxes");
  check_is("boxes", inputs[1], {DType::i64, {inputs[0].shape[0], 4}});
  return {inputs[0]};
}

Cost ErasePictures::cost(const Problem& problem) {
  return {.flops = 0, .bytes = bytes_touched(problem)};
}

int64_t ErasePictures::reduction_length(const Problem&) {
  return 0;
}

std::string ErasePictures::describe(const Problem& problem) {
  return describe_pictures(problem);
}

std::span<const Engine> ErasePictures::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kEraseElementwise,
#endif
      kEraseOpenmp, kEraseReference};
  return engines;
}

std::vector<Alias> ErasePictures::aliases(const Problem&) {
  return {{.input = 0, .output = 0}};
}

std::vector<TensorType> MixPictures::infer(const Options&, std::span<const TensorType> inputs) {
  check_pictures(inputs, 3, "a share and a box");
  const DType real = inputs[0].dtype == DType::f64 ? DType::f64 : DType::f32;
  check_is("the share", inputs[1], {real, {}});
  check_is("the box", inputs[2], {DType::i64, {4}});
  return {inputs[0]};
}

Cost MixPictures::cost(const Problem& problem) {
  return {.flops = 3 * static_cast<double>(problem.inputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

int64_t MixPictures::reduction_length(const Problem&) {
  return 2;
}

std::string MixPictures::describe(const Problem& problem) {
  return describe_pictures(problem);
}

std::span<const Engine> MixPictures::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kMixElementwise,
#endif
      kMixOpenmp, kMixReference};
  return engines;
}

std::vector<Alias> MixPictures::aliases(const Problem&) {
  return {};
}

std::vector<TensorType> MixLabels::infer(const Options& options,
                                         std::span<const TensorType> inputs) {
  if (inputs.size() != 2) {
    invalid(fmt::format("takes labels and a share, not {} inputs", inputs.size()));
  }
  if (options.classes < 1) invalid("there must be at least one class");
  if (inputs[0].dtype != DType::i64 || inputs[0].shape.rank() != 1) {
    invalid(fmt::format("labels must be i64 [N], not {}", to_string(inputs[0])));
  }
  const DType real = inputs[1].dtype == DType::f64 ? DType::f64 : DType::f32;
  check_is("the share", inputs[1], {real, {}});
  return {{real, {inputs[0].shape[0], options.classes}}, inputs[0]};
}

Cost MixLabels::cost(const Problem& problem) {
  return {.flops = 3 * static_cast<double>(problem.outputs[0].shape.elements()),
          .bytes = bytes_touched(problem)};
}

int64_t MixLabels::reduction_length(const Problem&) {
  return 2;
}

std::string MixLabels::describe(const Problem& problem) {
  const Shape& targets = problem.outputs[0].shape;
  return fmt::format("n{}k{} {}", targets[0], targets[1], name_of(problem.outputs[0].dtype));
}

std::span<const Engine> MixLabels::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      kLabelsElementwise,
#endif
      kLabelsReference};
  return engines;
}

std::vector<Alias> MixLabels::aliases(const Problem&) {
  return {};
}

}  // namespace voluta
