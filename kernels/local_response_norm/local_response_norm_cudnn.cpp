// local_response_norm by cuDNN 9: the opponent and third witness. Its windows of even size look one
// channel further up than down, PyTorch's the other way; and its gradient reads y, which it computes
// into the workspace first.

#include <voluta/kernels/common/cudnn_library.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/local_response_norm/local_response_norm_engines.h>

namespace voluta::local_response_norm {
namespace {

Support supports(const Problem& problem) {
  if (const Support support = supports_cudnn(problem); !support.ok) return support;
  if (const Support support = supports_f32_int32(problem); !support.ok) return support;
  const auto& options = problem.options_as<LocalResponseNormOptions>();
  if (options.size % 2 == 0 || options.size > 16) {
    return Support::no("cuDNN's windows agree with PyTorch's for odd sizes up to 15");
  }
  if (options.k < 1e-5 || options.beta < 0.01) {
    return Support::no("cuDNN asks for k of at least 1e-5 and beta of at least 0.01");
  }
  return Support::yes();
}

#if VOLUTA_HAS_CUDNN

constexpr float kOne = 1.0f, kZero = 0.0f;

// The normalisation and its one tensor, [rows, channels] as NHWC; owns them.
struct Descriptors {
  explicit Descriptors(const Problem& problem) {
    const CudnnLibrary& lib = cudnn();
    const Geometry g = geometry(problem);
    const auto& options = problem.options_as<LocalResponseNormOptions>();
    check_cudnn(lib.cudnnCreateTensorDescriptor(&tensor), "cudnnCreateTensorDescriptor");
    check_cudnn(lib.cudnnCreateLRNDescriptor(&norm), "cudnnCreateLRNDescriptor");
    check_cudnn(
        lib.cudnnSetTensor4dDescriptor(tensor, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, 1,
                                       static_cast<int>(g.channels), static_cast<int>(g.rows), 1),
        "cudnnSetTensor4dDescriptor");
    check_cudnn(lib.cudnnSetLRNDescriptor(norm, static_cast<unsigned>(options.size), options.alpha,
                                          options.beta, options.k),
                "cudnnSetLRNDescriptor");
  }
  ~Descriptors() {
    if (tensor != nullptr) cudnn().cudnnDestroyTensorDescriptor(tensor);
    if (norm != nullptr) cudnn().cudnnDestroyLRNDescriptor(norm);
  }
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;

  void forward(Stream& stream, const float* x, float* y) const {
    check_cudnn(cudnn().cudnnLRNCrossChannelForward(cudnn_handle(stream), norm,
                                                    CUDNN_LRN_CROSS_CHANNEL_DIM1, &kOne, tensor, x,
                                                    &kZero, tensor, y),
                "cudnnLRNCrossChannelForward");
  }

  cudnnTensorDescriptor_t tensor = nullptr;
  cudnnLRNDescriptor_t norm = nullptr;
};

Execution prepare(const Problem& problem) {
  return {
      .run = [d = std::make_shared<const Descriptors>(problem)](const Args& args, Stream& stream) {
        d->forward(stream, args.in<float>(0), args.out<float>(0));
      }};
}

Execution prepare_gradient(const Problem& problem) {
  return {
      .workspace_bytes = problem.inputs[0].bytes(),
      .run = [d = std::make_shared<const Descriptors>(problem)](const Args& args, Stream& stream) {
        const float *x = args.in<float>(0), *dy = args.in<float>(1);
        float* y = static_cast<float*>(args.workspace);
        d->forward(stream, x, y);
        check_cudnn(cudnn().cudnnLRNCrossChannelBackward(cudnn_handle(stream), d->norm,
                                                         CUDNN_LRN_CROSS_CHANNEL_DIM1, &kOne,
                                                         d->tensor, y, d->tensor, dy, d->tensor, x,
                                                         &kZero, d->tensor, args.out<float>(0)),
                    "cudnnLRNCrossChannelBackward");
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

const Engine kCudnn{"cudnn", DeviceType::kCuda, EngineRole::kVendor, supports, prepare};
const Engine kGradientCudnn{"cudnn", DeviceType::kCuda, EngineRole::kVendor, supports,
                            prepare_gradient};

}  // namespace voluta::local_response_norm
