// conv2d by cuDNN 9 in f32: the opponent and third witness. NHWC activations, KRSC filters, FMA
// arithmetic (no tf32), and only algorithms that cuDNN calls deterministic. Batch norm and residual
// in the epilogue go to the graph interface.

#include <voluta/core/error.h>
#include <voluta/kernels/activation/activation_engines.h>
#include <voluta/kernels/common/cudnn_library.h>
#include <voluta/kernels/conv2d/conv2d_cudnn_graph.h>
#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_geometry.h>

#include <string>
#include <utility>

namespace voluta {
namespace {

Support supports(const Problem& problem) {
  if (Support support = supports_one_output(problem); !support.ok) return support;
  if (Support support = supports_no_prologue(problem); !support.ok) return support;
  if (Support support = supports_no_gradient_epilogue(problem); !support.ok) return support;
  if (Support support = supports_cudnn(problem); !support.ok) return support;
  const Conv2dOptions& options = conv2d_options(problem);
  const Padding2d& pad = options.padding;
  if (pad.top != pad.bottom || pad.left != pad.right) {
    return Support::no("cuDNN's convolution takes symmetric padding only");
  }
  const ActivationKind activation = conv2d_options(problem).activation;
  if (activation != ActivationKind::kNone && !is_asked_of_cudnn(activation)) {
    return Support::no("of cuDNN, relu, relu6, tanh and sigmoid are asked alone");
  }
  for (const auto* types : {&problem.inputs, &problem.outputs}) {
    for (const TensorType& type : *types) {
      if (type.shape.elements() >= int64_t{1} << 31) {
        return Support::no("a tensor of 2^31 elements or more");
      }
    }
  }
  return Support::yes();
}

#if VOLUTA_HAS_CUDNN

// cuDNN's descriptions of a problem; owns them.
class Descriptors {
 public:
  explicit Descriptors(const Problem& problem) {
    const CudnnLibrary& lib = cudnn();
    const Conv2dKernelGeometry g = kernel_geometry(conv2d_geometry(problem));
    check_cudnn(lib.cudnnCreateTensorDescriptor(&x), "cudnnCreateTensorDescriptor");
    check_cudnn(lib.cudnnCreateTensorDescriptor(&y), "cudnnCreateTensorDescriptor");
    check_cudnn(lib.cudnnCreateTensorDescriptor(&bias), "cudnnCreateTensorDescriptor");
    check_cudnn(lib.cudnnCreateFilterDescriptor(&w), "cudnnCreateFilterDescriptor");
    check_cudnn(lib.cudnnCreateConvolutionDescriptor(&conv), "cudnnCreateConvolutionDescriptor");
    check_cudnn(lib.cudnnCreateActivationDescriptor(&activation),
                "cudnnCreateActivationDescriptor");
    set_nhwc(x, g.n, g.h, g.w, g.c);
    set_nhwc(y, g.n, g.p, g.q, g.k);
    set_nhwc(bias, 1, 1, 1, g.k);
    check_cudnn(lib.cudnnSetFilter4dDescriptor(w, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NHWC, g.k,
                                               g.group_c, g.r, g.s),
                "cudnnSetFilter4dDescriptor");
    check_cudnn(lib.cudnnSetConvolution2dDescriptor(conv, g.top, g.left, g.u, g.v, g.l, g.m,
                                                    CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
                "cudnnSetConvolution2dDescriptor");
    check_cudnn(lib.cudnnSetConvolutionGroupCount(conv, g.groups), "cudnnSetConvolutionGroupCount");
    check_cudnn(lib.cudnnSetConvolutionMathType(conv, CUDNN_FMA_MATH),
                "cudnnSetConvolutionMathType");
    set_activation(conv2d_options(problem).activation);
  }
  ~Descriptors() {
    const CudnnLibrary& lib = cudnn();
    if (x != nullptr) lib.cudnnDestroyTensorDescriptor(x);
    if (y != nullptr) lib.cudnnDestroyTensorDescriptor(y);
    if (bias != nullptr) lib.cudnnDestroyTensorDescriptor(bias);
    if (w != nullptr) lib.cudnnDestroyFilterDescriptor(w);
    if (conv != nullptr) lib.cudnnDestroyConvolutionDescriptor(conv);
    if (activation != nullptr) lib.cudnnDestroyActivationDescriptor(activation);
  }
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;

  cudnnTensorDescriptor_t x = nullptr, y = nullptr, bias = nullptr;
  cudnnFilterDescriptor_t w = nullptr;
  cudnnConvolutionDescriptor_t conv = nullptr;
  cudnnActivationDescriptor_t activation = nullptr;

 private:
  static void set_nhwc(cudnnTensorDescriptor_t tensor, int n, int h, int w, int c) {
    check_cudnn(
        cudnn().cudnnSetTensor4dDescriptor(tensor, CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, n, c, h, w),
        "cudnnSetTensor4dDescriptor");
  }

  void set_activation(ActivationKind kind) {
    cudnnActivationMode_t mode = CUDNN_ACTIVATION_IDENTITY;
    switch (kind) {
      case ActivationKind::kNone:
        return;
      case ActivationKind::kRelu:
        mode = CUDNN_ACTIVATION_RELU;
        break;
      case ActivationKind::kRelu6:
        mode = CUDNN_ACTIVATION_CLIPPED_RELU;
        break;
      case ActivationKind::kTanh:
        mode = CUDNN_ACTIVATION_TANH;
        break;
      case ActivationKind::kSigmoid:
        mode = CUDNN_ACTIVATION_SIGMOID;
        break;
      default:
        fail(ErrorKind::kFailed, "conv2d's cudnn engine has no " + std::string(name_of(kind)));
    }
    constexpr double kCeiling = 6.0;  // of relu6; ignored by the others
    check_cudnn(
        cudnn().cudnnSetActivationDescriptor(activation, mode, CUDNN_PROPAGATE_NAN, kCeiling),
        "cudnnSetActivationDescriptor");
  }
};

constexpr float kOne = 1.0f, kZero = 0.0f;

// The first (by cuDNN's own ranking, the fastest) of its candidates that is deterministic and keeps
// to FMA, as the convolution's descriptor asks: what is said to be the default keeps to that.
template <class Perf, class Query>
Perf best_algorithm(const Problem& problem, const Query& query) {
  constexpr int kCandidates = 16;
  Perf candidates[kCandidates];
  int count = 0;
  check_cudnn(query(kCandidates, &count, candidates), "cudnnGetConvolution...Algorithm_v7");
  for (int i = 0; i < count; ++i) {
    const Perf& candidate = candidates[i];
    if (candidate.status == CUDNN_STATUS_SUCCESS && candidate.determinism == CUDNN_DETERMINISTIC &&
        (candidate.mathType == CUDNN_FMA_MATH || candidate.mathType == CUDNN_DEFAULT_MATH)) {
      return candidate;
    }
  }
  fail(ErrorKind::kFailed, "cuDNN has no deterministic FMA algorithm for " + describe(problem));
}

Execution prepare_forward(const Problem& problem) {
  const Conv2dOptions& options = conv2d_options(problem);
  if (options.scale_shift || options.residual) {  // which this interface would take passes for
    return std::move(conv2d_graph_plans(problem, CudnnConvolution::Direction::kForward, false,
                                        CudnnPlans::kFirst)
                         .front());
  }
  auto d = std::make_shared<const Descriptors>(problem);
  const auto best = best_algorithm<cudnnConvolutionFwdAlgoPerf_t>(
      problem, [&](int room, int* count, cudnnConvolutionFwdAlgoPerf_t* found) {
        return cudnn().cudnnGetConvolutionForwardAlgorithm_v7(cudnn_handle(), d->x, d->w, d->conv,
                                                              d->y, room, count, found);
      });
  const bool has_bias = conv2d_epilogue_inputs(problem).bias != 0;
  const bool has_activation = conv2d_options(problem).activation != ActivationKind::kNone;
  return {best.memory, [=](const Args& args, Stream& stream) {
            const cudnnHandle_t handle = cudnn_handle(stream);
            float* y = args.out<float>(0);
            check_cudnn(cudnn().cudnnConvolutionForward(
                            handle, &kOne, d->x, args.in<float>(0), d->w, args.in<float>(1),
                            d->conv, best.algo, args.workspace, best.memory, &kZero, d->y, y),
                        "cudnnConvolutionForward");
            if (has_bias) {
              check_cudnn(
                  cudnn().cudnnAddTensor(handle, &kOne, d->bias, args.in<float>(2), &kOne, d->y, y),
                  "cudnnAddTensor");
            }
            if (has_activation) {
              check_cudnn(cudnn().cudnnActivationForward(handle, d->activation, &kOne, d->y, y,
                                                         &kZero, d->y, y),
                          "cudnnActivationForward");
            }
          }};
}

Execution prepare_input_gradient(const Problem& problem) {
  auto d = std::make_shared<const Descriptors>(problem);
  const auto best = best_algorithm<cudnnConvolutionBwdDataAlgoPerf_t>(
      problem, [&](int room, int* count, cudnnConvolutionBwdDataAlgoPerf_t* found) {
        return cudnn().cudnnGetConvolutionBackwardDataAlgorithm_v7(
            cudnn_handle(), d->w, d->y, d->conv, d->x, room, count, found);
      });
  return {best.memory, [=](const Args& args, Stream& stream) {
            check_cudnn(cudnn().cudnnConvolutionBackwardData(
                            cudnn_handle(stream), &kOne, d->w, args.in<float>(1), d->y,
                            args.in<float>(0), d->conv, best.algo, args.workspace, best.memory,
                            &kZero, d->x, args.out<float>(0)),
                        "cudnnConvolutionBackwardData");
          }};
}

Execution prepare_filter_gradient(const Problem& problem) {
  auto d = std::make_shared<const Descriptors>(problem);
  const auto best = best_algorithm<cudnnConvolutionBwdFilterAlgoPerf_t>(
      problem, [&](int room, int* count, cudnnConvolutionBwdFilterAlgoPerf_t* found) {
        return cudnn().cudnnGetConvolutionBackwardFilterAlgorithm_v7(
            cudnn_handle(), d->x, d->y, d->conv, d->w, room, count, found);
      });
  return {best.memory, [=](const Args& args, Stream& stream) {
            check_cudnn(cudnn().cudnnConvolutionBackwardFilter(
                            cudnn_handle(stream), &kOne, d->x, args.in<float>(0), d->y,
                            args.in<float>(1), d->conv, best.algo, args.workspace, best.memory,
                            &kZero, d->w, args.out<float>(0)),
                        "cudnnConvolutionBackwardFilter");
          }};
}

#else

// Never reached: supports() has said no.
Execution prepare_forward(const Problem& problem) {
  fail(ErrorKind::kFailed, "cudnn: " + supports(problem).reason);
}
Execution prepare_input_gradient(const Problem& problem) {
  return prepare_forward(problem);
}
Execution prepare_filter_gradient(const Problem& problem) {
  return prepare_forward(problem);
}

#endif

// The algorithm that prepare takes, then the plans of the graph interface, as far as cuDNN has each.
template <Execution (*prepare)(const Problem&), CudnnConvolution::Direction direction>
std::vector<Execution> alternatives(const Problem& problem) {
  std::vector<Execution> found;
  std::string failure;
  const auto attempt = [&](auto&& add) {
    try {
      add();
    } catch (const Error& error) {
      failure = error.what();
    }
  };
  attempt([&] { found.push_back(prepare(problem)); });
  attempt([&] {
    if (!supports_conv2d_graph(problem).ok) return;
    for (Execution& plan : conv2d_graph_plans(problem, direction, false, CudnnPlans::kAll)) {
      found.push_back(std::move(plan));
    }
  });
  if (found.empty()) fail(ErrorKind::kFailed, failure);
  return found;
}

template <Execution (*prepare)(const Problem&), CudnnConvolution::Direction direction>
constexpr Engine kEngine = {"cudnn",
                            DeviceType::kCuda,
                            EngineRole::kVendor,
                            supports,
                            prepare,
                            Arithmetic::kFloat,
                            {},
                            alternatives<prepare, direction>};

}  // namespace

const Engine kConv2dCudnn = kEngine<prepare_forward, CudnnConvolution::Direction::kForward>;
const Engine kConv2dInputGradientCudnn =
    kEngine<prepare_input_gradient, CudnnConvolution::Direction::kInputGradient>;
const Engine kConv2dFilterGradientCudnn =
    kEngine<prepare_filter_gradient, CudnnConvolution::Direction::kFilterGradient>;

}  // namespace voluta
