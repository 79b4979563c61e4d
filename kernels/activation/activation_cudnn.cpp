// activation by cuDNN 9: the opponent and third witness.

#include <voluta/kernels/activation/activation.h>
#include <voluta/kernels/activation/activation_engines.h>
#include <voluta/kernels/common/cudnn_library.h>
#include <voluta/kernels/common/problem_checks.h>

namespace voluta {
namespace {

Support supports(const Problem& problem) {
  if (const Support support = supports_cudnn(problem); !support.ok) return support;
  if (!is_asked_of_cudnn(problem.options_as<ActivationOptions>().kind)) {
    return Support::no("of cuDNN, relu, relu6, tanh and sigmoid are asked alone");
  }
  return supports_f32_int32(problem);
}

// cuDNN's backward reads x as well as y. relu, tanh and sigmoid give the same with y in x's place;
// for relu6 the manual leaves open which of the two it compares with 6.
Support supports_gradient(const Problem& problem) {
  if (problem.options_as<ActivationOptions>().kind == ActivationKind::kRelu6) {
    return Support::no("cuDNN's clipped relu takes its gradient from x");
  }
  return supports(problem);
}

#if VOLUTA_HAS_CUDNN

constexpr float kOne = 1.0f, kZero = 0.0f;
constexpr double kRelu6Ceiling = 6.0;  // ignored by the other kinds

cudnnActivationMode_t mode_of(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::kRelu:
      return CUDNN_ACTIVATION_RELU;
    case ActivationKind::kRelu6:
      return CUDNN_ACTIVATION_CLIPPED_RELU;
    case ActivationKind::kTanh:
      return CUDNN_ACTIVATION_TANH;
    case ActivationKind::kSigmoid:
      return CUDNN_ACTIVATION_SIGMOID;
    default:
      return CUDNN_ACTIVATION_IDENTITY;
  }
}

// The activation and its tensor, seen as one row; owns both.
struct Descriptors {
  explicit Descriptors(const Problem& problem) {
    const CudnnLibrary& lib = cudnn();
    const auto count = static_cast<int>(problem.inputs[0].shape.elements());
    check_cudnn(lib.cudnnCreateTensorDescriptor(&row), "cudnnCreateTensorDescriptor");
    check_cudnn(
        lib.cudnnSetTensor4dDescriptor(row, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 1, 1, 1, count),
        "cudnnSetTensor4dDescriptor");
    check_cudnn(lib.cudnnCreateActivationDescriptor(&activation),
                "cudnnCreateActivationDescriptor");
    check_cudnn(lib.cudnnSetActivationDescriptor(
                    activation, mode_of(problem.options_as<ActivationOptions>().kind),
                    CUDNN_PROPAGATE_NAN, kRelu6Ceiling),
                "cudnnSetActivationDescriptor");
  }
  ~Descriptors() {
    if (row != nullptr) cudnn().cudnnDestroyTensorDescriptor(row);
    if (activation != nullptr) cudnn().cudnnDestroyActivationDescriptor(activation);
  }
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;

  cudnnTensorDescriptor_t row = nullptr;
  cudnnActivationDescriptor_t activation = nullptr;
};

Execution prepare(const Problem& problem) {
  return {
      .run = [d = std::make_shared<const Descriptors>(problem)](const Args& args, Stream& stream) {
        check_cudnn(
            cudnn().cudnnActivationForward(cudnn_handle(stream), d->activation, &kOne, d->row,
                                           args.in<float>(0), &kZero, d->row, args.out<float>(0)),
            "cudnnActivationForward");
      }};
}

Execution prepare_gradient(const Problem& problem) {
  return {.run = [d = std::make_shared<const Descriptors>(problem)](const Args& args,
                                                                    Stream& stream) {
    const float *y = args.in<float>(0), *dy = args.in<float>(1);
    check_cudnn(
        cudnn().cudnnActivationBackward(cudnn_handle(stream), d->activation, &kOne, d->row, y,
                                        d->row, dy, d->row, y, &kZero, d->row, args.out<float>(0)),
        "cudnnActivationBackward");
  }};
}

#else

Execution prepare(const Problem&) {
  return {};
}
Execution prepare_gradient(const Problem&) {
  return {};
}

#endif

}  // namespace

bool is_asked_of_cudnn(ActivationKind kind) {
  return kind == ActivationKind::kRelu || kind == ActivationKind::kRelu6 ||
         kind == ActivationKind::kTanh || kind == ActivationKind::kSigmoid;
}

const Engine kActivationCudnn{"cudnn", DeviceType::kCuda, EngineRole::kVendor, supports, prepare};
const Engine kActivationGradientCudnn{"cudnn", DeviceType::kCuda, EngineRole::kVendor,
                                      supports_gradient, prepare_gradient};

}  // namespace voluta
