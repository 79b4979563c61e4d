// add on the CPU as a loop over flat memory, for what the onednn engine does not take: 16 bits.

#include <voluta/kernels/add/add_engines.h>
#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>

namespace voluta {
namespace {

template <class T>
Execution prepare_as(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  return {.run = [count](const Args& args, Stream&) {
    const T *a = args.in<T>(0), *b = args.in<T>(1);
    T* y = args.out<T>(0);
#pragma omp parallel for simd if (count > kParallelElements)
    for (int64_t i = 0; i < count; ++i) {
      y[i] = static_cast<T>(static_cast<float>(a[i]) + static_cast<float>(b[i]));
    }
  }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}

}  // namespace

const Engine kAddOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty,
                        prepare};

}  // namespace voluta
