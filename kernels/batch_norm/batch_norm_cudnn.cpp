// batch normalisation by cuDNN 9: the opponent and third witness. Its running statistics are updated
// where they lie, as a plan has them.

#include <voluta/core/error.h>
#include <voluta/kernels/batch_norm/batch_norm_engines.h>
#include <voluta/kernels/common/cudnn_library.h>
#include <voluta/kernels/common/problem_checks.h>

namespace voluta::batch_norm {
namespace {

// cudnnBatchNormalizationForwardTrainingEx fuses a sum and relu for NHWC in 16 bits alone.
template <class Options>
Support supports_unfused(const Problem& problem, Support (*supports)(const Problem&)) {
  const Options& options = problem.options_as<Options>();
  if (options.residual || options.activation != ActivationKind::kNone) {
    return Support::no("no residual, no activation");
  }
  return supports(problem);
}

Support supports(const Problem& problem) {
  if (const Support support = supports_f32_int32(problem); !support.ok) return support;
  Problem floating = problem;  // without the counter, which is not cuDNN's affair
  std::erase_if(floating.inputs, [](const TensorType& type) { return type.dtype == DType::i64; });
  std::erase_if(floating.outputs, [](const TensorType& type) { return type.dtype == DType::i64; });
  return supports_cudnn(floating);
}
Support supports_training(const Problem& problem) {
  const BatchNormOptions& options = problem.options_as<BatchNormOptions>();
  if (options.moments || options.deferred)
    return Support::no("takes no moments and always writes y");
  return supports_unfused<BatchNormOptions>(problem, supports);
}
Support supports_gradient(const Problem& problem) {
  if (const Support support = supports_no_sums(problem); !support.ok) return support;
  const auto& options = problem.options_as<BatchNormTrainingGradientOptions>();
  if (options.activation != ActivationKind::kNone) return Support::no("no activation");
  if (options.dy_offset) return Support::no("no dy of more channels than x");
  return supports(problem);
}
Support supports_inference(const Problem& problem) {
  return supports_unfused<BatchNormInferenceOptions>(problem, supports);
}

#if VOLUTA_HAS_CUDNN

constexpr float kOne = 1.0f, kZero = 0.0f;
constexpr cudnnBatchNormMode_t kMode = CUDNN_BATCHNORM_SPATIAL;

// x as [N, rows/N, 1, C] and a vector of its channels; owns both.
struct Descriptors {
  explicit Descriptors(const Problem& problem) {
    const CudnnLibrary& lib = cudnn();
    const Extents size = extents(problem);
    const Shape& shape = problem.inputs[0].shape;
    const int64_t n = shape.rank() > 1 ? shape[0] : 1;
    check_cudnn(lib.cudnnCreateTensorDescriptor(&matrix), "cudnnCreateTensorDescriptor");
    check_cudnn(lib.cudnnSetTensor4dDescriptor(matrix, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT,
                                               static_cast<int>(n), static_cast<int>(size.channels),
                                               static_cast<int>(size.rows / n), 1),
                "cudnnSetTensor4dDescriptor");
    check_cudnn(lib.cudnnCreateTensorDescriptor(&vector), "cudnnCreateTensorDescriptor");
    check_cudnn(lib.cudnnSetTensor4dDescriptor(vector, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 1,
                                               static_cast<int>(size.channels), 1, 1),
                "cudnnSetTensor4dDescriptor");
  }
  ~Descriptors() {
    if (matrix != nullptr) cudnn().cudnnDestroyTensorDescriptor(matrix);
    if (vector != nullptr) cudnn().cudnnDestroyTensorDescriptor(vector);
  }
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;

  cudnnTensorDescriptor_t matrix = nullptr, vector = nullptr;
};

Execution prepare_training(const Problem& problem) {
  const BatchNormOptions options = problem.options_as<BatchNormOptions>();
  return {.run = [d = std::make_shared<const Descriptors>(problem), options](const Args& args,
                                                                             Stream& stream) {
    const TrainingOperands<float, float> at(args, options);
    if (at.new_mean != at.running_mean || at.new_var != at.running_var) {
      fail(ErrorKind::kFailed, "cuDNN updates running statistics in place");
    }
    check_cudnn(cudnn().cudnnBatchNormalizationForwardTraining(
                    cudnn_handle(stream), kMode, &kOne, &kZero, d->matrix, at.x, d->matrix, at.y,
                    d->vector, at.weight, at.bias, options.momentum, at.new_mean, at.new_var,
                    options.epsilon, at.mean, at.inverse_deviation),
                "cudnnBatchNormalizationForwardTraining");
    count_batch(stream, at.batches, at.new_batches);
  }};
}

Execution prepare_inference(const Problem& problem) {
  const double epsilon = problem.options_as<BatchNormInferenceOptions>().epsilon;
  return {.run = [d = std::make_shared<const Descriptors>(problem), epsilon](const Args& args,
                                                                             Stream& stream) {
    check_cudnn(cudnn().cudnnBatchNormalizationForwardInference(
                    cudnn_handle(stream), kMode, &kOne, &kZero, d->matrix, args.in<float>(0),
                    d->matrix, args.out<float>(0), d->vector, args.in<float>(1), args.in<float>(2),
                    args.in<float>(3), args.in<float>(4), epsilon),
                "cudnnBatchNormalizationForwardInference");
  }};
}

Execution prepare_gradient(const Problem& problem) {
  return {.run = [d = std::make_shared<const Descriptors>(problem), stride = dy_stride(problem)](
                     const Args& args, Stream& stream) {
    const GradientOperands<float, float> at(args, BatchNormTrainingGradientOptions{}, stride);
    check_cudnn(cudnn().cudnnBatchNormalizationBackward(
                    cudnn_handle(stream), kMode, &kOne, &kZero, &kOne, &kZero, d->matrix, at.x,
                    d->matrix, at.dy, d->matrix, at.dx, d->vector, at.weight, at.dweight, at.dbias,
                    BatchNormOptions{}.epsilon, at.mean, at.spread),
                "cudnnBatchNormalizationBackward");
  }};
}

#else

Execution prepare_training(const Problem&) {
  return {};
}
Execution prepare_inference(const Problem&) {
  return {};
}
Execution prepare_gradient(const Problem&) {
  return {};
}

#endif

}  // namespace

const Engine kTrainingCudnn{"cudnn", DeviceType::kCuda, EngineRole::kVendor, supports_training,
                            prepare_training};
const Engine kTrainingGradientCudnn{"cudnn", DeviceType::kCuda, EngineRole::kVendor,
                                    supports_gradient, prepare_gradient};
const Engine kInferenceCudnn{"cudnn", DeviceType::kCuda, EngineRole::kVendor, supports_inference,
                             prepare_inference};

}  // namespace voluta::batch_norm
