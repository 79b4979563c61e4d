#include <voluta/core/error.h>
#include <voluta/kernels/common/cudnn_operation_graph.h>

#include <span>

namespace voluta {

#if VOLUTA_HAS_CUDNN
namespace {

using Direction = CudnnConvolution::Direction;

cudnnDataType_t data_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return CUDNN_DATA_FLOAT;
    case DType::bf16:
      return CUDNN_DATA_BFLOAT16;
    case DType::f16:
      return CUDNN_DATA_HALF;
    default:
      fail(ErrorKind::kFailed, "cuDNN is asked for f32, bf16 and f16 alone");
  }
}

// What the interface calls the parts of an operation, by direction.
struct OperationNames {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t x, w, y, convolution, alpha, beta;
};

OperationNames names_of(Direction direction) {
  switch (direction) {
    case Direction::kForward:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
    case Direction::kInputGradient:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
    case Direction::kFilterGradient:
      break;
  }
  return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
}

constexpr double kRelu6Ceiling = 6;

cudnnPointwiseMode_t mode_of(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::kRelu:
    case ActivationKind::kRelu6:
      return CUDNN_POINTWISE_RELU_FWD;
    case ActivationKind::kTanh:
      return CUDNN_POINTWISE_TANH_FWD;
    case ActivationKind::kSigmoid:
      return CUDNN_POINTWISE_SIGMOID_FWD;
    default:
      fail(ErrorKind::kFailed, "a graph of cuDNN was asked for " + std::string(name_of(kind)));
  }
}

}  // namespace

CudnnOperationGraph::CudnnOperationGraph(const CudnnConvolution& c) {
  if (c.direction == Direction::kForward) {
    add_forward(c);
  } else if (c.direction == Direction::kInputGradient) {
    const CudnnDescriptor &y = add_input(c.dtype, c.y), &w = add_input(c.dtype, c.w);
    add_convolution(c, add_output(c.dtype, c.x), w, y);
  } else {
    const CudnnDescriptor &x = add_input(c.dtype, c.x), &y = add_input(c.dtype, c.y);
    add_convolution(c, x, add_output(c.dtype, c.w), y);
  }
  finalize();
}

// Channels innermost.
const CudnnDescriptor& CudnnOperationGraph::add_tensor(DType dtype, const Shape& shape,
                                                       bool in_memory) {
  constexpr int64_t kAlignment = 16;  // bytes; memory of plans and pools is aligned to 256
  const auto [n, c, h, w] = shape;
  const Shape strides = {h * w * c, 1, w * c, c};
  CudnnDescriptor& tensor = parts_.emplace_back(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, data_type(dtype))
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, shape)
      .set(CUDNN_ATTR_TENSOR_STRIDES, strides)
      .set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, next_name_++)
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, kAlignment)
      .set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, !in_memory);
  tensor.finalize();
  return tensor;
}

const CudnnDescriptor& CudnnOperationGraph::add_input(DType dtype, const Shape& shape) {
  names_.push_back(next_name_);
  return add_tensor(dtype, shape, true);
}

const CudnnDescriptor& CudnnOperationGraph::add_output(DType dtype, const Shape& shape) {
  return add_input(dtype, shape);  // the last name
}

void CudnnOperationGraph::add_convolution(const CudnnConvolution& c, const CudnnDescriptor& x,
                                          const CudnnDescriptor& w, const CudnnDescriptor& y) {
  constexpr int64_t kSpatialAxes = 2;
  constexpr float kOne = 1, kZero = 0;
  CudnnDescriptor& conv = parts_.emplace_back(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  conv.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, kSpatialAxes)
      .set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, CUDNN_CROSS_CORRELATION)
      .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, c.padding_before)
      .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, c.padding_after)
      .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, c.dilation)
      .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, c.stride);
  conv.finalize();
  const OperationNames names = names_of(c.direction);
  CudnnDescriptor& operation = parts_.emplace_back(names.type);
  operation.set(names.x, x)
      .set(names.w, w)
      .set(names.y, y)
      .set(names.convolution, conv)
      .set(names.alpha, CUDNN_TYPE_FLOAT, kOne)
      .set(names.beta, CUDNN_TYPE_FLOAT, kZero);
  operation.finalize();
  operations_.push_back(operation.get());
}

void CudnnOperationGraph::add_pointwise(const CudnnConvolution& c, const Step& step,
                                        const CudnnDescriptor& x, const CudnnDescriptor& y) {
  CudnnDescriptor& pointwise = parts_.emplace_back(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  pointwise.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, step.mode)
      .set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  if (c.epilogue.activation == ActivationKind::kRelu6 && step.other == nullptr) {
    pointwise.set(CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP, CUDNN_TYPE_DOUBLE, kRelu6Ceiling);
  }
  pointwise.finalize();
  CudnnDescriptor& operation = parts_.emplace_back(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, pointwise)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
  if (step.other != nullptr) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *step.other);
  operation.finalize();
  operations_.push_back(operation.get());
}

// Adds the epilogue's inputs. The steps are still to be joined.
std::vector<CudnnOperationGraph::Step> CudnnOperationGraph::add_steps(const CudnnConvolution& c) {
  const CudnnConvolution::Epilogue& of = c.epilogue;
  const Shape vector = {1, c.y[1], 1, 1};
  std::vector<Step> steps;
  if (of.bias) steps.push_back({CUDNN_POINTWISE_ADD, &add_input(c.dtype, vector)});
  if (of.scale_shift) {
    steps.push_back({CUDNN_POINTWISE_MUL, &add_input(DType::f32, vector)});
    steps.push_back({CUDNN_POINTWISE_ADD, &add_input(DType::f32, vector)});
  }
  if (of.residual) steps.push_back({CUDNN_POINTWISE_ADD, &add_input(c.dtype, c.y)});
  if (of.activation != ActivationKind::kNone) steps.push_back({mode_of(of.activation)});
  return steps;
}

void CudnnOperationGraph::add_forward(const CudnnConvolution& c) {
  const CudnnDescriptor &x = add_input(c.dtype, c.x), &w = add_input(c.dtype, c.w);
  const std::vector<Step> steps = add_steps(c);
  const CudnnDescriptor& y = add_output(c.dtype, c.y);
  const auto result_of = [&](std::size_t operation) -> const CudnnDescriptor& {
    return operation == steps.size() ? y : add_tensor(DType::f32, c.y, false);
  };
  const CudnnDescriptor* sum = &result_of(0);
  add_convolution(c, x, w, *sum);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const CudnnDescriptor& result = result_of(i + 1);
    add_pointwise(c, steps[i], *sum, result);
    sum = &result;
  }
}

void CudnnOperationGraph::finalize() {
  CudnnDescriptor& graph = parts_.emplace_back(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, cudnn_handle())
      .set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
           std::span<const cudnnBackendDescriptor_t>(operations_));
  graph.finalize();
}

#endif

}  // namespace voluta
