// linear and its gradients by cuBLASLt: f32 arithmetic without tf32 (CUBLAS_COMPUTE_32F), bias and
// relu in its epilogue.
//
// cuBLASLt counts matrices in columns. A row-major [R,C] matrix is a column-major C x R one, so
// each op is computed transposed, and the operands change places:
//   y  = x w^T    y^T  [M,N] = (w^T as stored, transposed) (x^T as stored)
//   dx = dy w     dx^T [F,N] = (w^T as stored) (dy^T as stored)
//   dw = dy^T x   dw^T [F,M] = (x^T as stored) (dy^T as stored, transposed)

#include <voluta/core/error.h>
#include <voluta/kernels/common/cublaslt_library.h>
#include <voluta/kernels/linear/linear_engines.h>

namespace voluta::linear {
namespace {

Support supports(const Problem& problem) {
  return supports_cublaslt(problem);
}

Support supports_forward(const Problem& problem) {
  const ActivationKind activation = problem.options_as<LinearOptions>().activation;
  if (activation != ActivationKind::kNone && activation != ActivationKind::kRelu) {
    return Support::no("cuBLASLt has no " + std::string(name_of(activation)) + " epilogue");
  }
  return supports(problem);
}

#if VOLUTA_HAS_CUBLASLT

constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;  // NVIDIA's advice for Hopper

// A row-major matrix of the problem, as one operand of the transposed product.
struct Matrix {
  int64_t rows, columns;
  bool transposed = false;  // relative to what cuBLASLt sees, the column-major columns x rows
  std::size_t index = 0;    // of the problem's input
};

using Description = std::shared_ptr<std::remove_pointer_t<cublasLtMatmulDesc_t>>;
using Layout = std::shared_ptr<std::remove_pointer_t<cublasLtMatrixLayout_t>>;

Layout layout(int64_t rows, int64_t columns) {
  cublasLtMatrixLayout_t made = nullptr;
  check_cublaslt(
      cublaslt().cublasLtMatrixLayoutCreate(&made, CUDA_R_32F, static_cast<uint64_t>(columns),
                                            static_cast<uint64_t>(rows), columns),
      "cublasLtMatrixLayoutCreate");
  return Layout(made, cublaslt().cublasLtMatrixLayoutDestroy);
}

template <class T>
void set(const Description& description, cublasLtMatmulDescAttributes_t attribute, T value) {
  check_cublaslt(
      cublaslt().cublasLtMatmulDescSetAttribute(description.get(), attribute, &value, sizeof value),
      "cublasLtMatmulDescSetAttribute");
}

Description describe_product(bool transpose_left, bool transpose_right,
                             cublasLtEpilogue_t epilogue) {
  cublasLtMatmulDesc_t made = nullptr;
  check_cublaslt(cublaslt().cublasLtMatmulDescCreate(&made, CUBLAS_COMPUTE_32F, CUDA_R_32F),
                 "cublasLtMatmulDescCreate");
  Description description(made, cublaslt().cublasLtMatmulDescDestroy);
  set(description, CUBLASLT_MATMUL_DESC_TRANSA, transpose_left ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(description, CUBLASLT_MATMUL_DESC_TRANSB, transpose_right ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(description, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
  return description;
}

struct Product {
  Description description;
  Layout left, right, result;
  cublasLtMatmulAlgo_t algorithm;
  std::size_t workspace_bytes;
};

// The first of cuBLASLt's suggestions. The reductions allowed keep a fixed order of additions.
void choose_algorithm(Product& product) {
  cublasLtMatmulPreference_t preference = nullptr;
  check_cublaslt(cublaslt().cublasLtMatmulPreferenceCreate(&preference),
                 "cublasLtMatmulPreferenceCreate");
  const std::shared_ptr<std::remove_pointer_t<cublasLtMatmulPreference_t>> owner(
      preference, cublaslt().cublasLtMatmulPreferenceDestroy);
  auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
    check_cublaslt(cublaslt().cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value,
                                                                   sizeof value),
                   "cublasLtMatmulPreferenceSetAttribute");
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t{kWorkspaceBytes});
  prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
         uint32_t{CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});

  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  check_cublaslt(
      cublaslt().cublasLtMatmulAlgoGetHeuristic(
          cublaslt_handle(), product.description.get(), product.left.get(), product.right.get(),
          product.result.get(), product.result.get(), preference, 1, &found, &count),
      "cublasLtMatmulAlgoGetHeuristic");
  if (count == 0) fail(ErrorKind::kFailed, "cuBLASLt: no algorithm for this matrix product");
  product.algorithm = found.algo;
  product.workspace_bytes = found.workspaceSize;
}

// result^T = left right in cuBLASLt's terms; `rows` x `columns` is the row-major result.
Execution prepare_product(const Matrix& left, const Matrix& right, int64_t rows, int64_t columns,
                          cublasLtEpilogue_t epilogue, bool bias) {
  Product product{.description = describe_product(left.transposed, right.transposed, epilogue),
                  .left = layout(left.rows, left.columns),
                  .right = layout(right.rows, right.columns),
                  .result = layout(rows, columns),
                  .algorithm = {},
                  .workspace_bytes = 0};
  choose_algorithm(product);
  Execution execution;
  execution.workspace_bytes = product.workspace_bytes;
  execution.run = [=, l = left.index, r = right.index](const Args& args, Stream& stream) {
    const float one = 1.0f, zero = 0.0f;
    if (bias) set(product.description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, args.inputs[2]);
    check_cublaslt(
        cublaslt().cublasLtMatmul(
            cublaslt_handle(), product.description.get(), &one, args.inputs[l], product.left.get(),
            args.inputs[r], product.right.get(), &zero, args.outputs[0], product.result.get(),
            args.outputs[0], product.result.get(), &product.algorithm, args.workspace,
            product.workspace_bytes, static_cast<cudaStream_t>(stream.handle())),
        "cublasLtMatmul");
  };
  return execution;
}

cublasLtEpilogue_t epilogue_of(bool bias, ActivationKind activation) {
  if (activation == ActivationKind::kRelu) {
    return bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
  }
  return bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
}

Execution prepare(const Problem& problem) {
  const Extents e = forward_extents(problem);
  const bool bias = has_bias(problem);
  return prepare_product({.rows = e.m, .columns = e.f, .transposed = true, .index = 1},
                         {.rows = e.n, .columns = e.f, .index = 0}, e.n, e.m,
                         epilogue_of(bias, problem.options_as<LinearOptions>().activation), bias);
}

Execution prepare_input_gradient(const Problem& problem) {
  const Extents e = input_gradient_extents(problem);
  return prepare_product({.rows = e.m, .columns = e.f, .index = 1},
                         {.rows = e.n, .columns = e.m, .index = 0}, e.n, e.f,
                         CUBLASLT_EPILOGUE_DEFAULT, false);
}

Execution prepare_weight_gradient(const Problem& problem) {
  const Extents e = weight_gradient_extents(problem);
  return prepare_product({.rows = e.n, .columns = e.f, .index = 0},
                         {.rows = e.n, .columns = e.m, .transposed = true, .index = 1}, e.m, e.f,
                         CUBLASLT_EPILOGUE_DEFAULT, false);
}

#else

// Never called: supports() says no.
Execution unavailable(const Problem&) {
  fail(ErrorKind::kFailed, "cuBLASLt runs on CUDA hardware only");
}
constexpr auto prepare = unavailable, prepare_input_gradient = unavailable,
               prepare_weight_gradient = unavailable;

#endif

}  // namespace

const Engine kCublaslt{"cublaslt", DeviceType::kCuda, EngineRole::kVendor, supports_forward,
                       prepare};
const Engine kInputGradientCublaslt{"cublaslt", DeviceType::kCuda, EngineRole::kVendor, supports,
                                    prepare_input_gradient};
const Engine kWeightGradientCublaslt{"cublaslt", DeviceType::kCuda, EngineRole::kVendor, supports,
                                     prepare_weight_gradient};

}  // namespace voluta::linear
