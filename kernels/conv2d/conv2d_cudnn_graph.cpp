// conv2d by the graph interface of cuDNN 9, the opponent of the kernels on tensor cores:
//   cudnn_half   bf16 and f16, added up in f32
//   cudnn_tf32   f32 with operands rounded to tf32
// The epilogue is a chain of pointwise operations behind the convolution, which cuDNN fuses where it
// has an engine that does.

#include <voluta/core/error.h>
#include <voluta/kernels/activation/activation_engines.h>
#include <voluta/kernels/common/cudnn_plans.h>
#include <voluta/kernels/conv2d/conv2d_cudnn_graph.h>
#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_geometry.h>

#include <utility>

namespace voluta {
namespace {

using Direction = CudnnConvolution::Direction;

Support supports_half(const Problem& problem) {
  const DType dtype = problem.inputs[0].dtype;
  if (dtype != DType::bf16 && dtype != DType::f16) return Support::no("bf16 and f16 only");
  return supports_conv2d_graph(problem);
}

Support supports_tf32(const Problem& problem) {
  if (problem.inputs[0].dtype != DType::f32) return Support::no("f32 only");
  return supports_conv2d_graph(problem);
}

template <Direction direction>
std::vector<Execution> plans(const Problem& problem) {
  return conv2d_graph_plans(problem, direction, true, CudnnPlans::kAll);
}

template <Direction direction>
Execution first_plan(const Problem& problem) {
  return std::move(conv2d_graph_plans(problem, direction, true, CudnnPlans::kFirst).front());
}

template <Direction direction>
constexpr Engine kHalf = {"cudnn_half",
                          DeviceType::kCuda,
                          EngineRole::kVendor,
                          supports_half,
                          first_plan<direction>,
                          Arithmetic::kTensorCore,
                          {},
                          plans<direction>};
template <Direction direction>
constexpr Engine kTf32 = {"cudnn_tf32",
                          DeviceType::kCuda,
                          EngineRole::kVendor,
                          supports_tf32,
                          first_plan<direction>,
                          Arithmetic::kTensorCoreTf32,
                          {},
                          plans<direction>};

}  // namespace

Support supports_conv2d_graph(const Problem& problem) {
  if (Support support = supports_one_output(problem); !support.ok) return support;
  if (Support support = supports_no_prologue(problem); !support.ok) return support;
  if (Support support = supports_no_gradient_epilogue(problem); !support.ok) return support;
  if (Support support = has_cudnn(); !support.ok) return support;
  const ActivationKind activation = conv2d_options(problem).activation;
  if (activation != ActivationKind::kNone && !is_asked_of_cudnn(activation)) {
    return Support::no("of cuDNN, relu, relu6, tanh and sigmoid are asked alone");
  }
  return Support::yes();
}

std::vector<Execution> conv2d_graph_plans(const Problem& problem, Direction direction,
                                          bool allow_tf32, CudnnPlans which) {
#if VOLUTA_HAS_CUDNN
  const Conv2dGeometry g = conv2d_geometry(problem);
  const Conv2dOptions& options = conv2d_options(problem);
  const Padding2d& padding = options.padding;
  return cudnn_convolution_plans(
      {.direction = direction,
       .dtype = problem.inputs[0].dtype,
       .x = {g.n, g.c, g.h, g.w},
       .w = {g.k, g.group_c, g.r, g.s},
       .y = {g.n, g.k, g.p, g.q},
       .stride = {g.u, g.v},
       .dilation = {g.l, g.m},
       .padding_before = {padding.top, padding.left},
       .padding_after = {padding.bottom, padding.right},
       .allow_tf32 = allow_tf32,
       .epilogue = {conv2d_epilogue_inputs(problem).bias != 0, options.scale_shift,
                    options.residual, options.activation}},
      which);
#else
  static_cast<void>(direction);
  static_cast<void>(allow_tf32);
  static_cast<void>(which);
  fail(ErrorKind::kFailed, "cudnn: " + supports_conv2d_graph(problem).reason);
#endif
}

const Engine kConv2dCudnnHalf = kHalf<Direction::kForward>;
const Engine kConv2dInputGradientCudnnHalf = kHalf<Direction::kInputGradient>;
const Engine kConv2dFilterGradientCudnnHalf = kHalf<Direction::kFilterGradient>;
const Engine kConv2dCudnnTf32 = kTf32<Direction::kForward>;
const Engine kConv2dInputGradientCudnnTf32 = kTf32<Direction::kInputGradient>;
const Engine kConv2dFilterGradientCudnnTf32 = kTf32<Direction::kFilterGradient>;

}  // namespace voluta
