#include <voluta/core/error.h>
#include <voluta/kernels/common/problem_checks.h>

namespace voluta {
namespace {

// The first refusal of check(type) over all inputs and outputs.
template <class Check>
Support check_each(const Problem& problem, Check check) {
  for (const auto* types : {&problem.inputs, &problem.outputs}) {
    for (const TensorType& type : *types) {
      if (Support support = check(type); !support.ok) return support;
    }
  }
  return Support::yes();
}

Support nonempty(const TensorType& type) {
  return type.shape.elements() == 0 ? Support::no("an empty tensor") : Support::yes();
}
Support below_2_31(const TensorType& type) {
  return type.shape.elements() >= int64_t{1} << 31
             ? Support::no("a tensor of 2^31 elements or more")
             : Support::yes();
}

}  // namespace

std::string describe_extents(const Shape& shape) {
  static constexpr std::string_view kLetters[] = {"", "c", "nc", "nwc", "nhwc", "ndhwc", "nbdhwc"};
  if (shape.rank() == 0) return "scalar";
  const std::string_view letters = kLetters[shape.rank()];
  std::string text;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    text += letters[static_cast<std::size_t>(axis)] + std::to_string(shape[axis]);
  }
  return text;
}

std::string describe_tensors(std::span<const TensorType> tensors) {
  std::string text;
  for (const TensorType& type : tensors) {
    text += text.empty() ? 'n' : ',';
    text += std::to_string(type.shape.elements());
  }
  return text;
}

int64_t total_elements(std::span<const TensorType> tensors) {
  int64_t elements = 0;
  for (const TensorType& type : tensors) elements += type.shape.elements();
  return elements;
}

void check_floating_inputs(std::string_view op, std::span<const TensorType> inputs,
                           std::size_t count) {
  if (inputs.size() != count) {
    invalid(std::string(op) + " takes " + std::to_string(count) + " inputs, not " +
            std::to_string(inputs.size()));
  }
  for (const TensorType& input : inputs) {
    if (!is_floating(input.dtype)) fail_not_floating(input.dtype);
    if (input.dtype != inputs[0].dtype) {
      invalid(std::string(op) + " takes inputs of one dtype, not " + to_string(inputs[0]) +
              " and " + to_string(input));
    }
  }
}

Support supports_nonempty(const Problem& problem) {
  return check_each(problem, [](const TensorType& type) {
    if (type.dtype == DType::f64) return Support::no("computes in f32, not f64");
    return nonempty(type);
  });
}

Support supports_int32(const Problem& problem) {
  const Support indices = check_each(problem, below_2_31);
  return indices.ok ? supports_nonempty(problem) : indices;
}

Support supports_nonempty_f32(const Problem& problem) {
  return check_each(problem, [](const TensorType& type) {
    if (is_floating(type.dtype) && type.dtype != DType::f32) {
      return Support::no("computes in f32, not " + std::string(name_of(type.dtype)));
    }
    return nonempty(type);
  });
}

Support supports_f32_int32(const Problem& problem) {
  const Support indices = check_each(problem, below_2_31);
  return indices.ok ? supports_nonempty_f32(problem) : indices;
}

}  // namespace voluta
