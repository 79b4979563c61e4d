#include <voluta/core/error.h>
#include <voluta/kernels/common/cudnn_operation_graph.h>

#include <memory>
#include <optional>
#include <span>

namespace voluta {

#if VOLUTA_HAS_CUDNN
namespace {

// The engine configurations that one mode of the heuristics names; none where it has no answer.
std::vector<CudnnDescriptor> configurations(const CudnnOperationGraph& graph,
                                            cudnnBackendHeurMode_t mode) {
  CudnnDescriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.graph())
      .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode);
  if (!heuristics.try_to_finalize()) return {};
  int64_t count = 0;
  check_cudnn(cudnn().cudnnBackendGetAttribute(heuristics.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                               CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count, nullptr),
              "cudnnBackendGetAttribute");
  std::vector<CudnnDescriptor> found;
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

// What cuDNN's notes on a configuration's engine say.
struct Notes {
  bool fair = true;  // it computes what our kernels compute
  bool deterministic = true;
};
Notes notes_on(const CudnnDescriptor& configuration, const CudnnConvolution& convolution) {
  const CudnnDescriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
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
  int64_t workspace_bytes = 0, count = 0;
  check_cudnn(cudnn().cudnnBackendGetAttribute(plan.get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                               CUDNN_TYPE_INT64, 1, &count, &workspace_bytes),
              "cudnnBackendGetAttribute");
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
  std::vector<Execution> executions;
  for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_B, CUDNN_HEUR_MODE_FALLBACK}) {
    for (CudnnDescriptor& configuration : configurations(*graph, mode)) {
      const Notes notes = notes_on(configuration, convolution);
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
