// tensor_norms and clip_factor, the references: in double precision.

#include <voluta/kernels/gradient_norm/gradient_norm_engines.h>

namespace voluta {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

template <class T>
double norm_of(const T* x, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += to_double(x[i]) * to_double(x[i]);
  return std::sqrt(sum);
}

Execution prepare_norms(const Problem& problem) {
  return dispatch_floating(problem.inputs[0].dtype, [&]<class T>() -> Execution {
    using Real = std::conditional_t<std::is_same_v<T, double>, double, float>;
    return {.run = [problem](const Args& args, Stream&) {
      for (std::size_t i = 0; i < problem.inputs.size(); ++i) {
        const double norm = norm_of(args.in<T>(i), problem.inputs[i].shape.elements());
        args.out<Real>(0)[i] = static_cast<Real>(norm);
      }
    }};
  });
}

Execution prepare_factor(const Problem& problem) {
  const double max_norm = problem.options_as<ClipFactorOptions>().max_norm;
  const int64_t count = problem.inputs[0].shape.elements();
  return dispatch_floating(problem.inputs[0].dtype, [&]<class T>() -> Execution {
    return {.run = [max_norm, count](const Args& args, Stream&) {
      const double norm = norm_of(args.in<T>(0), count);
      args.out<T>(0)[0] = from_double<T>(clip_factor(norm, max_norm));
      args.out<T>(1)[0] = from_double<T>(norm);
    }};
  });
}

}  // namespace

const Engine kTensorNormsReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                                   prepare_norms};
const Engine kClipFactorReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                                  prepare_factor};

}  // namespace voluta
