// Every update op, algorithm "multi_tensor": a launch moves up to 48 tensors of any sizes.
//   p, slots = rule(gradient_scale * g, p, slots)           (optimizer_rules.h)
//   grid   chunks of 4096 elements (common/multi_tensor.cuh)    block 256    smem 0
//   regs   at most 30 sgd, 40 rmsprop, 44 adam (sm_90a); no spills
//   maps   thread t of a chunk: elements t, t + 256, ...; outputs may be inputs
//   limits f32; gradients also in 16 bits
//   bound  memory: 4 bytes an element read of p, g (2 in 16 bits) and each slot, 4 written of p and each slot
//   measured never run on hardware

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/optimizer/optimizer_engines.h>
#include <voluta/kernels/common/multi_tensor.cuh>

namespace voluta::optimizer {
namespace {

template <int kSlots, class Rule, class G>
__global__ void __launch_bounds__(kTensorBlock)
    update_tensors(const __grid_constant__ TensorTable<TensorAt<float, G, kSlots>> table, Rule rule,
                   ScalarsAt<float> scalars) {
  const int chunk = static_cast<int>(blockIdx.x);
  const int tensor = table.tensor_of(chunk);
  rule.begin(scalars.of<float>(static_cast<std::size_t>(table.tensors_before + tensor)));
  const auto scale = scalars.scale<float>();
  const bool skip = !is_finite(scale);
  const int64_t first = int64_t{chunk - table.first_chunk[tensor]} * kTensorChunk;
  const int64_t end = std::min(first + kTensorChunk, table.elements[tensor]);
  const TensorAt<float, G, kSlots>& at = table.at[tensor];
#pragma unroll 4
  for (int64_t e = first + threadIdx.x; e < end; e += kTensorBlock) {
    update_element<float, kSlots>(
        rule, at, e, scale, skip, [](auto x) { return static_cast<float>(x); },
        [](float& to, float x) { to = x; });
  }
}

template <class Options>
Execution prepare(const Problem& problem) {
  using Rule = typename Traits<Options>::template Rule<float>;
  const Options& options = problem.options_as<Options>();
  const Layout<Options> layout(problem);
  const auto with = [&]<int kSlots, class G>() -> Execution {
    using At = TensorAt<float, G, kSlots>;
    const TensorLaunches<At> launches(std::span(problem.inputs).first(layout.tensors));
    return {.run = [=, rule = Rule(options)](const Args& args, Stream& stream) {
      const ScalarsAt<float> scalars = scalars_at<float>(layout, args);
      launches.for_each([&](std::size_t i) { return tensor_at<float, G, kSlots>(layout, args, i); },
                        [&](const TensorTable<At>& table) {
                          launch(stream, "update_tensors",
                                 {.grid = {static_cast<unsigned>(table.chunks()), 1, 1},
                                  .block = {kTensorBlock, 1, 1}},
                                 update_tensors<kSlots, Rule, G>, table, rule, scalars);
                        });
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
const Engine Engines<Options>::kMultiTensor{"multi_tensor", DeviceType::kCuda, EngineRole::kProduct,
                                            supports_f32, prepare<Options>};

template const Engine Engines<SgdOptions>::kMultiTensor;
template const Engine Engines<RmspropOptions>::kMultiTensor;
template const Engine Engines<AdamOptions>::kMultiTensor;
template const Engine Engines<LarsOptions>::kMultiTensor;
template const Engine Engines<AverageOptions>::kMultiTensor;

}  // namespace voluta::optimizer
