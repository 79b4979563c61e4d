// linear and its gradients by cuBLASLt, bias and relu in its epilogue:
//   cublaslt        f32 without tf32
//   cublaslt_half   bf16 and f16, added up in f32
//   cublaslt_tf32   f32 with operands rounded to tf32
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

template <Arithmetic kArithmetic>
Support supports(const Problem& problem) {
  const bool half = problem.inputs[0].dtype != DType::f32;
  if (half != (kArithmetic == Arithmetic::kTensorCore)) {
    return Support::no(half ? "f32 only" : "bf16 and f16 only");
  }
  return supports_cublaslt(problem);
}

template <Arithmetic kArithmetic>
Support supports_forward(const Problem& problem) {
  const ActivationKind activation = problem.options_as<LinearOptions>().activation;
  if (activation != ActivationKind::kNone && activation != ActivationKind::kRelu) {
    return Support::no("cuBLASLt has no " + std::string(name_of(activation)) + " epilogue");
  }
  return supports<kArithmetic>(problem);
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

cudaDataType_t data_type(DType dtype) {
  return dtype == DType::bf16 ? CUDA_R_16BF : dtype == DType::f16 ? CUDA_R_16F : CUDA_R_32F;
}

Layout layout(DType dtype, int64_t rows, int64_t columns) {
  cublasLtMatrixLayout_t made = nullptr;
  check_cublaslt(
      cublaslt().cublasLtMatrixLayoutCreate(&made, data_type(dtype), static_cast<uint64_t>(columns),
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

Description describe_product(Arithmetic arithmetic, bool transpose_left, bool transpose_right,
                             cublasLtEpilogue_t epilogue) {
  const cublasComputeType_t compute =
      arithmetic == Arithmetic::kTensorCoreTf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  cublasLtMatmulDesc_t made = nullptr;
  check_cublaslt(cublaslt().cublasLtMatmulDescCreate(&made, compute, CUDA_R_32F),
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

// How a product ends. A bias is of the result's type, as cuBLASLt takes it to be.
struct Ending {
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  bool bias = false;
};

// result^T = left right in cuBLASLt's terms; `rows` x `columns` is the row-major result.
Execution prepare_product(const Problem& problem, Arithmetic arithmetic, const Matrix& left,
                          const Matrix& right, int64_t rows, int64_t columns,
                          const Ending& ending = {}) {
  const auto operand = [&](const Matrix& of) {
    return layout(problem.inputs[of.index].dtype, of.rows, of.columns);
  };
  Product product{.description = describe_product(arithmetic, left.transposed, right.transposed,
                                                  ending.epilogue),
                  .left = operand(left),
                  .right = operand(right),
                  .result = layout(problem.outputs[0].dtype, rows, columns),
                  .algorithm = {},
                  .workspace_bytes = 0};
  choose_algorithm(product);
  Execution execution;
  execution.workspace_bytes = product.workspace_bytes;
  execution.run = [=, bias = ending.bias, l = left.index, r = right.index](const Args& args,
                                                                           Stream& stream) {
    const float one = 1.0f, zero = 0.0f;
    if (bias) set(product.description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, args.inputs[2]);
    check_cublaslt(
        cublaslt().cublasLtMatmul(
            cublaslt_handle(stream), product.description.get(), &one, args.inputs[l],
            product.left.get(), args.inputs[r], product.right.get(), &zero, args.outputs[0],
            product.result.get(), args.outputs[0], product.result.get(), &product.algorithm,
            args.workspace, product.workspace_bytes, static_cast<cudaStream_t>(stream.handle())),
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

template <Arithmetic kArithmetic>
Execution prepare(const Problem& problem) {
  const Extents e = forward_extents(problem);
  const bool bias = has_bias(problem);
  return prepare_product(problem, kArithmetic,
                         {.rows = e.m, .columns = e.f, .transposed = true, .index = 1},
                         {.rows = e.n, .columns = e.f, .index = 0}, e.n, e.m,
                         {epilogue_of(bias, problem.options_as<LinearOptions>().activation), bias});
}

template <Arithmetic kArithmetic>
Execution prepare_input_gradient(const Problem& problem) {
  const Extents e = input_gradient_extents(problem);
  return prepare_product(problem, kArithmetic, {.rows = e.m, .columns = e.f, .index = 1},
                         {.rows = e.n, .columns = e.m, .index = 0}, e.n, e.f);
}

template <Arithmetic kArithmetic>
Execution prepare_weight_gradient(const Problem& problem) {
  const Extents e = weight_gradient_extents(problem);
  return prepare_product(problem, kArithmetic, {.rows = e.n, .columns = e.f, .index = 0},
                         {.rows = e.n, .columns = e.m, .transposed = true, .index = 1}, e.m, e.f);
}

#else

// Never called: supports() says no.
template <Arithmetic>
Execution prepare(const Problem&) {
  fail(ErrorKind::kFailed, "cuBLASLt runs on CUDA hardware only");
}
template <Arithmetic kArithmetic>
constexpr auto prepare_input_gradient = prepare<kArithmetic>;
template <Arithmetic kArithmetic>
constexpr auto prepare_weight_gradient = prepare<kArithmetic>;

#endif

constexpr std::string_view name_of_engine(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::kTensorCore       ? "cublaslt_half"
         : arithmetic == Arithmetic::kTensorCoreTf32 ? "cublaslt_tf32"
                                                     : "cublaslt";
}

template <Arithmetic kArithmetic>
constexpr Engine engine(Support (*supports)(const Problem&), Execution (*prepare)(const Problem&)) {
  return {name_of_engine(kArithmetic),
          DeviceType::kCuda,
          EngineRole::kVendor,
          supports,
          prepare,
          kArithmetic};
}

template <Arithmetic kArithmetic>
constexpr CublasltEngines kEngines = {
    engine<kArithmetic>(supports_forward<kArithmetic>, prepare<kArithmetic>),
    engine<kArithmetic>(supports<kArithmetic>, prepare_input_gradient<kArithmetic>),
    engine<kArithmetic>(supports<kArithmetic>, prepare_weight_gradient<kArithmetic>)};

}  // namespace

const CublasltEngines kCublaslt = kEngines<Arithmetic::kFloat>;
const CublasltEngines kCublasltHalf = kEngines<Arithmetic::kTensorCore>;
const CublasltEngines kCublasltTf32 = kEngines<Arithmetic::kTensorCoreTf32>;

}  // namespace voluta::linear
