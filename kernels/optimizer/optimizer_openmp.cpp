// Every update op on the CPU: f32, cut into chunks of all tensors that the cores share; within a
// chunk the compiler vectorises the rule.

#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/optimizer/optimizer_engines.h>

#include <algorithm>
#include <vector>

namespace voluta::optimizer {
namespace {

constexpr int64_t kChunk = 1 << 14;  // elements: 64 KiB of each array

struct Chunk {
  std::size_t tensor;
  int64_t first, end;
};

std::vector<Chunk> chunks_of(const Problem& problem, std::size_t tensors) {
  std::vector<Chunk> chunks;
  for (std::size_t i = 0; i < tensors; ++i) {
    const int64_t count = problem.inputs[i].shape.elements();
    for (int64_t first = 0; first < count; first += kChunk) {
      chunks.push_back({i, first, std::min(first + kChunk, count)});
    }
  }
  return chunks;
}

// `omp simd` says what the compiler cannot see: outputs may be inputs, but element e depends on
// elements e alone.
template <int kSlots, class Rule>
void update_chunk(const Rule& rule, const TensorAt<float, kSlots>& at, const Chunk& chunk,
                  float scale, bool skip) {
#pragma omp simd
  for (int64_t e = chunk.first; e < chunk.end; ++e) {
    update_element<float, kSlots>(
        rule, at, e, scale, skip, [](float x) { return x; }, [](float& to, float x) { to = x; });
  }
}

template <class Options>
Execution prepare(const Problem& problem) {
  const Options& options = problem.options_as<Options>();
  const Layout<Options> layout(problem);
  const auto chunks = chunks_of(problem, layout.tensors);
  const bool parallel = problem.op->cost(problem).bytes > 4.0 * kParallelElements;
  return dispatch_slots(options, [&]<int kSlots>() -> Execution {
    return {.run = [=](const Args& args, Stream&) {
      const ScalarsAt<float> scalars = scalars_at<float>(layout, args);
      const auto scale = scalars.scale<float>();
#pragma omp parallel for schedule(static) if (parallel)
      for (const Chunk& chunk : chunks) {
        typename Traits<Options>::template Rule<float> rule(options);
        rule.begin(scalars.of<float>(chunk.tensor));
        update_chunk<kSlots>(rule, tensor_at<float, kSlots>(layout, args, chunk.tensor), chunk,
                             scale, !is_finite(scale));
      }
    }};
  });
}

}  // namespace

template <class Options>
const Engine Engines<Options>::kOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct,
                                       supports_nonempty_f32, prepare<Options>};

template const Engine Engines<SgdOptions>::kOpenmp;
template const Engine Engines<RmspropOptions>::kOpenmp;
template const Engine Engines<AdamOptions>::kOpenmp;
template const Engine Engines<LarsOptions>::kOpenmp;
template const Engine Engines<AverageOptions>::kOpenmp;

}  // namespace voluta::optimizer
