// cast on the CPU as a loop over the flat memory of each tensor. bf16 is a shift and runs at the memory's speed; f16, in
// integers, for which any x86 has instructions, does not.

#include <voluta/kernels/cast/cast_engines.h>
#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>

namespace voluta {
namespace {

template <class X, class Y>
void cast_tensor(const X* x, Y* y, int64_t count) {
#pragma omp parallel for simd if (count > kParallelElements)
  for (int64_t i = 0; i < count; ++i) y[i] = static_cast<Y>(static_cast<float>(x[i]));
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem.inputs[0].dtype, [&]<class X>() {
    return dispatch_elements(problem.outputs[0].dtype, [&]<class Y>() -> Execution {
      return {.run = [tensors = problem.inputs](const Args& args, Stream&) {
        for (std::size_t i = 0; i < tensors.size(); ++i) {
          cast_tensor(args.in<X>(i), args.out<Y>(i), tensors[i].shape.elements());
        }
      }};
    });
  });
}

}  // namespace

const Engine kCastOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty,
                         prepare};

}  // namespace voluta
