#pragma once

// What the engines on mma.sync share on the host: "..._mma" multiplies bf16 and f16, "..._mma_tf32"
// f32 data rounded to tf32.

#include <voluta/core/graph/op.h>

#include <string>

namespace voluta::mma_product {

inline Support takes_half(const Problem& problem) {
  const DType dtype = problem.inputs[0].dtype;
  if (dtype == DType::bf16 || dtype == DType::f16) return Support::yes();
  return Support::no("multiplies bf16 or f16, not " + std::string(name_of(dtype)));
}

inline Support takes_tf32(const Problem& problem) {
  const DType dtype = problem.inputs[0].dtype;
  if (dtype == DType::f32) return Support::yes();
  return Support::no("multiplies f32 as tf32, not " + std::string(name_of(dtype)));
}

// The first refusal of the two.
template <Support (*kTypes)(const Problem&), Support (*kLimits)(const Problem&)>
Support both(const Problem& problem) {
  const Support types = kTypes(problem);
  return types.ok ? kLimits(problem) : types;
}

template <Support (*kLimits)(const Problem&)>
constexpr Engine half_engine(std::string_view name, Execution (*prepare)(const Problem&)) {
  return {name,    DeviceType::kCuda,       EngineRole::kProduct, both<takes_half, kLimits>,
          prepare, Arithmetic::kTensorCore, {.from = 80}};
}

template <Support (*kLimits)(const Problem&)>
constexpr Engine tf32_engine(std::string_view name, Execution (*prepare)(const Problem&)) {
  return {name,    DeviceType::kCuda,           EngineRole::kProduct, both<takes_tf32, kLimits>,
          prepare, Arithmetic::kTensorCoreTf32, {.from = 80}};
}

}  // namespace voluta::mma_product
