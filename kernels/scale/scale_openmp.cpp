// scale on the CPU as a loop over flat memory, at the memory's speed.

#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/scale/scale.h>
#include <voluta/kernels/scale/scale_engines.h>

namespace voluta {
namespace {

template <class T>
Execution prepare_as(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  const auto factor = static_cast<float>(problem.options_as<ScaleOptions>().factor);
  return {.run = [count, factor](const Args& args, Stream&) {
    const T* x = args.in<T>(0);
    T* y = args.out<T>(0);
#pragma omp parallel for simd if (count > kParallelElements)
    for (int64_t i = 0; i < count; ++i) y[i] = static_cast<T>(factor * static_cast<float>(x[i]));
  }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}

}  // namespace

const Engine kScaleOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty,
                          prepare};

}  // namespace voluta
