#include <voluta/core/error.h>
#include <voluta/kernels/common/cudnn_plans.h>

#include <algorithm>
#include <memory>
#include <span>

namespace voluta {

#if VOLUTA_HAS_CUDNN
namespace {

using Direction = CudnnConvolution::Direction;

// A descriptor of the backend interface; owns it.
class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type) {
    check_cudnn(cudnn().cudnnBackendCreateDescriptor(type, &handle_),
                "cudnnBackendCreateDescriptor");
  }
  ~Descriptor() {
    if (handle_ != nullptr) cudnn().cudnnBackendDestroyDescriptor(handle_);
  }
  Descriptor(Descriptor&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Descriptor& operator=(Descriptor&&) = delete;

  cudnnBackendDescriptor_t get() const { return handle_; }

  template <class T>
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                  std::span<const T> values) {
    check_cudnn(cudnn().cudnnBackendSetAttribute(
                    handle_, name, type, static_cast<int64_t>(values.size()), values.data()),
                "cudnnBackendSetAttribute");
    return *this;
  }
  template <class T>
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                  const T& value) {
    return set(name, type, std::span<const T>(&value, 1));
  }
  Descriptor& set(cudnnBackendAttributeName_t name, std::span<const int64_t> values) {
    return set(name, CUDNN_TYPE_INT64, values);
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& part) {
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, part.handle_);
  }

  void finalize() { check_cudnn(cudnn().cudnnBackendFinalize(handle_), "cudnnBackendFinalize"); }
  bool try_to_finalize() { return cudnn().cudnnBackendFinalize(handle_) == CUDNN_STATUS_SUCCESS; }

 private:
  cudnnBackendDescriptor_t handle_ = nullptr;
};

// Names of the tensors of a convolution in its graph.
constexpr int64_t kX = 'x', kW = 'w', kY = 'y';

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

// Channels innermost.
Descriptor tensor(int64_t name, DType dtype, const std::array<int64_t, 4>& shape) {
  constexpr int64_t kAlignment = 16;  // bytes; memory of plans and pools is aligned to 256
  const auto [n, c, h, w] = shape;
  const std::array<int64_t, 4> strides = {h * w * c, 1, w * c, c};
  Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, data_type(dtype))
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, shape)
      .set(CUDNN_ATTR_TENSOR_STRIDES, strides)
      .set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, name)
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, kAlignment);
  tensor.finalize();
  return tensor;
}

Descriptor convolution_descriptor(const CudnnConvolution& c) {
  constexpr int64_t kSpatialAxes = 2;
  Descriptor conv(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  conv.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, kSpatialAxes)
      .set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, CUDNN_CROSS_CORRELATION)
      .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, c.padding_before)
      .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, c.padding_after)
      .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, c.dilation)
      .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, c.stride);
  conv.finalize();
  return conv;
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

// The graph of one operation, with the descriptors that it is made of.
struct OperationGraph {
  Descriptor x, w, y, convolution, operation, graph;

  explicit OperationGraph(const CudnnConvolution& c)
      : x(tensor(kX, c.dtype, c.x)),
        w(tensor(kW, c.dtype, c.w)),
        y(tensor(kY, c.dtype, c.y)),
        convolution(convolution_descriptor(c)),
        operation(names_of(c.direction).type),
        graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR) {
    constexpr float kOne = 1, kZero = 0;
    const OperationNames names = names_of(c.direction);
    operation.set(names.x, x)
        .set(names.w, w)
        .set(names.y, y)
        .set(names.convolution, convolution)
        .set(names.alpha, CUDNN_TYPE_FLOAT, kOne)
        .set(names.beta, CUDNN_TYPE_FLOAT, kZero);
    operation.finalize();
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, cudnn_handle())
        .set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation);
    graph.finalize();
  }
};

// The engine configurations that one mode of the heuristics names; none where it has no answer.
std::vector<Descriptor> configurations(const OperationGraph& graph, cudnnBackendHeurMode_t mode) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.graph)
      .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode);
  if (!heuristics.try_to_finalize()) return {};
  int64_t count = 0;
  check_cudnn(cudnn().cudnnBackendGetAttribute(heuristics.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                               CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count, nullptr),
              "cudnnBackendGetAttribute");
  std::vector<Descriptor> found;
  std::vector<cudnnBackendDescriptor_t> handles;
  for (int64_t i = 0; i < count; ++i) {
    found.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    handles.push_back(found.back().get());
  }
  int64_t written = 0;
  check_cudnn(cudnn().cudnnBackendGetAttribute(heuristics.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                               CUDNN_TYPE_BACKEND_DESCRIPTOR, count, &written,
                                               handles.data()),
              "cudnnBackendGetAttribute");
  while (static_cast<int64_t>(found.size()) > written) found.pop_back();
  return found;
}

// Whether cuDNN's notes on a configuration's engine leave it fair.
bool is_fair(const Descriptor& configuration, const CudnnConvolution& convolution) {
  const Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t handle = engine.get();
  int64_t count = 0;
  check_cudnn(cudnn().cudnnBackendGetAttribute(configuration.get(), CUDNN_ATTR_ENGINECFG_ENGINE,
                                               CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &handle),
              "cudnnBackendGetAttribute");
  cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
  check_cudnn(cudnn().cudnnBackendGetAttribute(engine.get(), CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                               CUDNN_TYPE_NUMERICAL_NOTE,
                                               CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &count, notes),
              "cudnnBackendGetAttribute");
  return std::none_of(notes, notes + count, [&](cudnnBackendNumericalNote_t note) {
    const bool rounds_operands = note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE ||
                                 note == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS;
    return note == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC ||
           note == CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION ||
           (rounds_operands && convolution.dtype == DType::f32 && !convolution.allow_tf32);
  });
}

void run_plan(const Descriptor& plan, Direction direction, const Args& args, Stream& stream) {
  const auto input = [&](std::size_t i) { return const_cast<void*>(args.inputs[i]); };
  void* const output = args.outputs[0];
  std::array<int64_t, 3> names = {kX, kW, kY};
  std::array<void*, 3> pointers = {input(0), input(1), output};
  if (direction == Direction::kInputGradient) pointers = {output, input(1), input(0)};
  if (direction == Direction::kFilterGradient) pointers = {input(0), output, input(1)};
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, std::span<const int64_t>(names))
      .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR,
           std::span<void* const>(pointers))
      .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, args.workspace);
  pack.finalize();
  check_cudnn(cudnn().cudnnBackendExecute(cudnn_handle(stream), plan.get(), pack.get()),
              "cudnnBackendExecute");
}

// What a plan needs to stay alive.
struct Plan {
  std::shared_ptr<const OperationGraph> graph;
  Descriptor configuration, plan;
};

}  // namespace

std::vector<Execution> cudnn_convolution_plans(const CudnnConvolution& convolution) {
  const auto graph = std::make_shared<const OperationGraph>(convolution);
  std::vector<Execution> executions;
  for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_B, CUDNN_HEUR_MODE_FALLBACK}) {
    for (Descriptor& configuration : configurations(*graph, mode)) {
      if (!is_fair(configuration, convolution)) continue;
      Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, cudnn_handle())
          .set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
      if (!plan.try_to_finalize()) continue;  // heuristics name more than can be built
      int64_t workspace_bytes = 0, count = 0;
      check_cudnn(
          cudnn().cudnnBackendGetAttribute(plan.get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                           CUDNN_TYPE_INT64, 1, &count, &workspace_bytes),
          "cudnnBackendGetAttribute");
      const auto kept =
          std::make_shared<const Plan>(Plan{graph, std::move(configuration), std::move(plan)});
      executions.push_back(
          {static_cast<std::size_t>(workspace_bytes),
           [kept, direction = convolution.direction](const Args& args, Stream& stream) {
             run_plan(kept->plan, direction, args, stream);
           }});
    }
  }
  if (executions.empty()) {
    fail(ErrorKind::kFailed, "cuDNN has no deterministic plan for this convolution");
  }
  return executions;
}

#endif

}  // namespace voluta
