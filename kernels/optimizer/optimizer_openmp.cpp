// Every update op on the CPU: f32, cut into chunks of all tensors that the cores share; within a
// chunk the compiler vectorises the rule.

#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/common/tensor_chunks.h>
#include <voluta/kernels/optimizer/optimizer_engines.h>

namespace voluta::optimizer {
namespace {

// `omp simd` says what the compiler cannot see: outputs may be inputs, but element e depends on
// elements e alone.
template <int kSlots, class Rule, class G>
void update_chunk(const Rule& rule, const TensorAt<float, G, kSlots>& at, const TensorChunk& chunk,
                  float scale, bool skip) {
#pragma omp simd
  for (int64_t e = chunk.first; e < chunk.end; ++e) {
    update_element<float, kSlots>(
        rule, at, e, scale, skip, [](auto x) { return static_cast<float>(x); },
        [](float& to, float x) { to = x; });
  }
}

template <class Options>
Execution prepare(const Problem& problem) {
  const Options& options = problem.options_as<Options>();
  const Layout<Options> layout(problem);
  const auto chunks = chunks_of(layout.parameters(problem));
  const bool parallel = problem.op->cost(problem).bytes > 4.0 * kParallelElements;
  const auto with = [&]<int kSlots, class G>() -> Execution {
    return {.run = [=](const Args& args, Stream&) {
      const ScalarsAt<float> scalars = scalars_at<float>(layout, args);
      const auto scale = scalars.scale<float>();
#pragma omp parallel for schedule(static) if (parallel)
      for (const TensorChunk& chunk : chunks) {
        typename Traits<Options>::template Rule<float> rule(options);
        rule.begin(scalars.of<float>(chunk.tensor));
        update_chunk<kSlots>(rule, tensor_at<float, G, kSlots>(layout, args, chunk.tensor), chunk,
                             scale, !is_finite(scale));
      }
    }};
  };
  return dispatch_slots(options, [&]<int kSlots>() -> Execution {
    return dispatch_elements(layout.gradient_type(problem), [&]<class G>() -> Execution {
      return with.template operator()<kSlots, G>();
    });
  });
}

}  // namespace

template <class Options>
const Engine Engines<Options>::kOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct,
                                       supports_f32, prepare<Options>};

template const Engine Engines<SgdOptions>::kOpenmp;
template const Engine Engines<RmspropOptions>::kOpenmp;
template const Engine Engines<AdamOptions>::kOpenmp;
template const Engine Engines<LarsOptions>::kOpenmp;
template const Engine Engines<AverageOptions>::kOpenmp;

}  // namespace voluta::optimizer
