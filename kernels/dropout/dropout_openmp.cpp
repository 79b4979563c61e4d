// dropout on the CPU: a loop over blocks of four elements.

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/dropout/dropout_engines.h>

namespace voluta::dropout {
namespace {

// Below this many elements, waking threads costs more than the loop.
constexpr int64_t kParallelElements = 4096;

template <class T>
Execution prepare_as(const Problem& problem) {
  const Rule<float> rule(problem.options_as<DropoutOptions>());
  const int64_t count = problem.inputs[0].shape.elements();
  return {.run = [rule, count](const Args& args, Stream&) {
    const T* x = args.in<T>(0);
    const int64_t step = *args.in<int64_t>(1);
    T* y = args.out<T>(0);
#pragma omp parallel for if (count > kParallelElements)
    for (int64_t block = 0; block < count / 4; ++block) {
      const Factors<float> factors = rule.factors(block, step);
      for (int lane = 0; lane < 4; ++lane) {
        y[4 * block + lane] =
            static_cast<T>(static_cast<float>(x[4 * block + lane]) * factors.lane[lane]);
      }
    }
    const Factors<float> last = rule.factors(count / 4, step);
    for (int64_t i = count / 4 * 4; i < count; ++i) {
      y[i] = static_cast<T>(static_cast<float>(x[i]) * last.lane[i % 4]);
    }
  }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}

}  // namespace

const Engine kOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty, prepare};

}  // namespace voluta::dropout
