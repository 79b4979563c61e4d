// cast on the CPU as a loop over flat memory. bf16 is a shift and runs at the memory's speed; f16, in
// integers, for which any x86 has instructions, does not.

#include <voluta/kernels/cast/cast_engines.h>
#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>

namespace voluta {
namespace {

template <class X, class Y>
Execution prepare_as(int64_t count) {
  return {.run = [count](const Args& args, Stream&) {
    const X* x = args.in<X>(0);
    Y* y = args.out<Y>(0);
#pragma omp parallel for simd if (count > kParallelElements)
    for (int64_t i = 0; i < count; ++i) y[i] = static_cast<Y>(static_cast<float>(x[i]));
  }};
}

Execution prepare(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  return dispatch_elements(problem.inputs[0].dtype, [&]<class X>() {
    return dispatch_elements(problem.outputs[0].dtype,
                             [&]<class Y>() { return prepare_as<X, Y>(count); });
  });
}

}  // namespace

const Engine kCastOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty,
                         prepare};

}  // namespace voluta
