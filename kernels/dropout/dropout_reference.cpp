// dropout, the reference: one element after the other, over any floating storage.

#include <voluta/kernels/dropout/dropout_engines.h>

namespace voluta::dropout {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

Execution prepare(const Problem& problem) {
  const DropoutOptions options = problem.options_as<DropoutOptions>();
  const int64_t count = problem.inputs[0].shape.elements();
  return dispatch_floating(problem.inputs[0].dtype, [&]<class T>() -> Execution {
    using Factor = std::conditional_t<std::is_same_v<T, double>, double, float>;
    return {.run = [rule = Rule<Factor>(options), count](const Args& args, Stream&) {
      const T* x = args.in<T>(0);
      const int64_t step = *args.in<int64_t>(1);
      T* y = args.out<T>(0);
      for (int64_t i = 0; i < count; ++i) {
        y[i] = from_double<T>(to_double(x[i]) * rule.factors(i / 4, step).lane[i % 4]);
      }
    }};
  });
}

}  // namespace

const Engine kReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports, prepare};

}  // namespace voluta::dropout
