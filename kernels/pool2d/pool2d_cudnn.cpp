// pool2d by cuDNN 9: the opponent and third witness. It hands out no argmax, and its gradient of a
// maximum reads x and y instead; so it takes part in the forward pass without argmax and in the
// gradient of the average.

#include <voluta/kernels/common/cudnn_library.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/pool2d/pool2d_engines.h>

namespace voluta {
namespace {

Support supports(const Problem& problem) {
  if (const Support support = supports_cudnn(problem); !support.ok) return support;
  if (const Support support = supports_f32_int32(problem); !support.ok) return support;
  const Pool2dOptions& options = pool2d_options(problem);
  const Padding2d& pad = options.padding;
  if (pad.top != pad.bottom || pad.left != pad.right) {
    return Support::no("cuDNN's pooling takes symmetric padding only");
  }
  if (options.mode == PoolMode::kMin) return Support::no("cuDNN has no min pooling");
  if (problem.outputs.size() == 2) return Support::no("cuDNN hands out no argmax");
  const Pool2dGeometry g = pool2d_geometry(problem);
  if (g.rows_beyond() > 0 || g.columns_beyond() > 0) {
    return Support::no("cuDNN's pooling knows no windows beyond the padding");
  }
  return Support::yes();
}

#if VOLUTA_HAS_CUDNN

constexpr float kOne = 1.0f, kZero = 0.0f;

cudnnPoolingMode_t mode_of(const Pool2dOptions& options) {
  if (options.mode == PoolMode::kMax) return CUDNN_POOLING_MAX_DETERMINISTIC;
  return options.count_include_pad ? CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING
                                   : CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING;
}

// The pooling and its tensors; owns them.
struct Descriptors {
  explicit Descriptors(const Problem& problem) {
    const CudnnLibrary& lib = cudnn();
    const Pool2dGeometry g = pool2d_geometry(problem);
    check_cudnn(lib.cudnnCreateTensorDescriptor(&x), "cudnnCreateTensorDescriptor");
    check_cudnn(lib.cudnnCreateTensorDescriptor(&y), "cudnnCreateTensorDescriptor");
    check_cudnn(lib.cudnnCreatePoolingDescriptor(&pooling), "cudnnCreatePoolingDescriptor");
    check_cudnn(
        lib.cudnnSetTensor4dDescriptor(x, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, g.n, g.c, g.h, g.w),
        "cudnnSetTensor4dDescriptor");
    check_cudnn(
        lib.cudnnSetTensor4dDescriptor(y, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, g.n, g.c, g.p, g.q),
        "cudnnSetTensor4dDescriptor");
    check_cudnn(
        lib.cudnnSetPooling2dDescriptor(pooling, mode_of(pool2d_options(problem)),
                                        CUDNN_PROPAGATE_NAN, g.r, g.s, g.top, g.left, g.u, g.v),
        "cudnnSetPooling2dDescriptor");
  }
  ~Descriptors() {
    if (x != nullptr) cudnn().cudnnDestroyTensorDescriptor(x);
    if (y != nullptr) cudnn().cudnnDestroyTensorDescriptor(y);
    if (pooling != nullptr) cudnn().cudnnDestroyPoolingDescriptor(pooling);
  }
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;

  cudnnTensorDescriptor_t x = nullptr, y = nullptr;
  cudnnPoolingDescriptor_t pooling = nullptr;
};

Execution prepare(const Problem& problem) {
  return {.run = [d = std::make_shared<const Descriptors>(problem)](const Args& args,
                                                                    Stream& stream) {
    check_cudnn(cudnn().cudnnPoolingForward(cudnn_handle(stream), d->pooling, &kOne, d->x,
                                            args.in<float>(0), &kZero, d->y, args.out<float>(0)),
                "cudnnPoolingForward");
  }};
}

// The gradient of an average depends on neither x nor y, but cuDNN wants addresses of their
// extents: dx and dy have them.
Execution prepare_average_gradient(const Problem& problem) {
  return {
      .run = [d = std::make_shared<const Descriptors>(problem)](const Args& args, Stream& stream) {
        const float* dy = args.in<float>(0);
        float* dx = args.out<float>(0);
        check_cudnn(cudnn().cudnnPoolingBackward(cudnn_handle(stream), d->pooling, &kOne, d->y, dy,
                                                 d->y, dy, d->x, dx, &kZero, d->x, dx),
                    "cudnnPoolingBackward");
      }};
}

#else

Execution prepare(const Problem&) {
  return {};
}
Execution prepare_average_gradient(const Problem&) {
  return {};
}

#endif

}  // namespace

const Engine kPool2dCudnn{"cudnn", DeviceType::kCuda, EngineRole::kVendor, supports, prepare};
const Engine kAveragePool2dGradientCudnn{"cudnn", DeviceType::kCuda, EngineRole::kVendor, supports,
                                         prepare_average_gradient};

}  // namespace voluta
