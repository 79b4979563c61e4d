// scale on the CPU as a loop over flat memory, at the memory's speed.

#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/scale/scale.h>
#include <voluta/kernels/scale/scale_engines.h>

namespace voluta {
namespace {

Execution prepare(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  const auto factor = static_cast<float>(problem.options_as<ScaleOptions>().factor);
  return {.run = [count, factor](const Args& args, Stream&) {
    const float* x = args.in<float>(0);
    float* y = args.out<float>(0);
#pragma omp parallel for simd if (count > kParallelElements)
    for (int64_t i = 0; i < count; ++i) y[i] = factor * x[i];
  }};
}

}  // namespace

const Engine kScaleOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty_f32,
                          prepare};

}  // namespace voluta
