// Which problems the tensor-core kernels of this room take.

#include <voluta/kernels/conv2d/conv2d_geometry.h>
#include <voluta/kernels/conv2d/conv2d_implicit_gemm_mma.h>

#include <string>

namespace voluta::implicit_gemm_mma {
namespace {

Support within_limits(const Problem& problem) {
  const Support support = supports_conv2d_indices(problem);
  return support.ok ? supports_conv2d_product(problem) : support;
}

}  // namespace

Support supports(const Problem& problem) {
  const DType dtype = problem.inputs[0].dtype;
  if (dtype != DType::bf16 && dtype != DType::f16) {
    return Support::no("multiplies bf16 or f16, not " + std::string(name_of(dtype)));
  }
  return within_limits(problem);
}

Support supports_tf32(const Problem& problem) {
  const DType dtype = problem.inputs[0].dtype;
  if (dtype != DType::f32) {
    return Support::no("multiplies f32 as tf32, not " + std::string(name_of(dtype)));
  }
  return within_limits(problem);
}

}  // namespace voluta::implicit_gemm_mma
