#include <voluta/core/error.h>
#include <voluta/kernels/common/cudnn_operation_graph.h>

#include <memory>
#include <optional>
#include <set>
#include <span>

namespace voluta {

#if VOLUTA_HAS_CUDNN
namespace {

// The parts of a descriptor that an attribute lists.
std::vector<CudnnDescriptor> parts_of(const CudnnDescriptor& whole,
                                      cudnnBackendAttributeName_t name,
                                      cudnnBackendDescriptorType_t type) {
  int64_t count = 0;
  auto get = [&](int64_t room, cudnnBackendDescriptor_t* handles) {
    check_cudnn(cudnn().cudnnBackendGetAttribute(whole.get(), name, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                                 room, &count, handles),
                "cudnnBackendGetAttribute");
  };
  get(0, nullptr);
  std::vector<CudnnDescriptor> found;
  std::vector<cudnnBackendDescriptor_t> handles;
  for (int64_t i = 0; i < count; ++i) handles.push_back(found.emplace_back(type).get());
  get(count, handles.data());
  while (static_cast<int64_t>(found.size()) > count) found.pop_back();
  return found;
}

template <class T>
T value_of(const CudnnDescriptor& descriptor, cudnnBackendAttributeName_t name,
           cudnnBackendAttributeType_t type) {
  T value{};
  int64_t count = 0;
  check_cudnn(cudnn().cudnnBackendGetAttribute(descriptor.get(), name, type, 1, &count, &value),
              "cudnnBackendGetAttribute");
  return value;
}

// The engine configurations that one mode of the heuristics names; none where it has no answer.
std::vector<CudnnDescriptor> configurations(const CudnnOperationGraph& graph,
                                            cudnnBackendHeurMode_t mode) {
  CudnnDescriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.graph())
      .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode);
  if (!heuristics.try_to_finalize()) return {};
  return parts_of(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
}

CudnnDescriptor engine_of(const CudnnDescriptor& configuration) {
  CudnnDescriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t handle = engine.get();
  int64_t count = 0;
  check_cudnn(cudnn().cudnnBackendGetAttribute(configuration.get(), CUDNN_ATTR_ENGINECFG_ENGINE,
                                               CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &handle),
              "cudnnBackendGetAttribute");
  return engine;
}

// What tells configurations apart: the engine, then the kind and value of each of its knobs. Modes of the
// heuristics name many of them twice.
std::vector<int64_t> identity_of(const CudnnDescriptor& configuration,
                                 const CudnnDescriptor& engine) {
  std::vector<int64_t> identity = {
      value_of<int64_t>(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64)};
  for (const CudnnDescriptor& choice : parts_of(configuration, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
                                                CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR)) {
    identity.push_back(value_of<cudnnBackendKnobType_t>(choice, CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE,
                                                        CUDNN_TYPE_KNOB_TYPE));
    identity.push_back(
        value_of<int64_t>(choice, CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64));
  }
  return identity;
}

// What cuDNN's notes on an engine say.
struct Notes {
  bool fair = true;  // it computes what our kernels compute
  bool deterministic = true;
};
Notes notes_on(const CudnnDescriptor& engine, const CudnnConvolution& convolution) {
  int64_t count = 0;
  cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
  check_cudnn(cudnn().cudnnBackendGetAttribute(engine.get(), CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                               CUDNN_TYPE_NUMERICAL_NOTE,
                                               CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &count, notes),
              "cudnnBackendGetAttribute");
  Notes found;
  for (const cudnnBackendNumericalNote_t note : std::span(notes, static_cast<std::size_t>(count))) {
    const bool rounds_operands = note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE ||
                                 note == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS;
    if (note == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) found.deterministic = false;
    if (note == CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION ||
        (rounds_operands && convolution.dtype == DType::f32 && !convolution.allow_tf32)) {
      found.fair = false;
    }
  }
  return found;
}

void run_plan(const CudnnDescriptor& plan, const std::vector<int64_t>& names, const Args& args,
              Stream& stream) {
  std::vector<void*> pointers;
  for (const void* input : args.inputs) pointers.push_back(const_cast<void*>(input));
  pointers.push_back(args.outputs[0]);
  CudnnDescriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
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
  std::shared_ptr<const CudnnOperationGraph> graph;
  CudnnDescriptor configuration, plan;
};

// Nothing where the plan cannot be built: heuristics name more than that.
std::optional<Execution> build(const std::shared_ptr<const CudnnOperationGraph>& graph,
                               CudnnDescriptor configuration) {
  CudnnDescriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, cudnn_handle())
      .set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
  if (!plan.try_to_finalize()) return std::nullopt;
  const auto workspace_bytes =
      value_of<int64_t>(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64);
  const auto kept =
      std::make_shared<const Plan>(Plan{graph, std::move(configuration), std::move(plan)});
  return Execution{static_cast<std::size_t>(workspace_bytes),
                   [kept](const Args& args, Stream& stream) {
                     run_plan(kept->plan, kept->graph->tensor_names(), args, stream);
                   }};
}

}  // namespace

std::vector<Execution> cudnn_convolution_plans(const CudnnConvolution& convolution,
                                               CudnnPlans which) {
  const auto graph = std::make_shared<const CudnnOperationGraph>(convolution);
  std::set<std::vector<int64_t>> seen;
  std::vector<Execution> executions;
  for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_B, CUDNN_HEUR_MODE_FALLBACK}) {
    for (CudnnDescriptor& configuration : configurations(*graph, mode)) {
      const CudnnDescriptor engine = engine_of(configuration);
      if (!seen.insert(identity_of(configuration, engine)).second) continue;
      const Notes notes = notes_on(engine, convolution);
      if (!notes.fair || (which == CudnnPlans::kFirst && !notes.deterministic)) continue;
      std::optional<Execution> execution = build(graph, std::move(configuration));
      if (!execution) continue;
      execution->deterministic = notes.deterministic;
      executions.push_back(std::move(*execution));
      if (which == CudnnPlans::kFirst) return executions;
    }
  }
  if (executions.empty()) {
    const char* kind = which == CudnnPlans::kFirst ? "deterministic plan" : "plan";
    fail(ErrorKind::kFailed, std::string("cuDNN has no ") + kind + " for this convolution");
  }
  return executions;
}

#endif

}  // namespace voluta
