// sgd, the reference: in double precision over any floating storage.

#include <voluta/kernels/sgd/sgd_engines.h>

namespace voluta::sgd {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

template <class T, class Rate>
void update(const Operands<T, Rate>& at, const SgdOptions& options, int64_t count) {
  const double lr = to_double(*at.lr);
  for (int64_t i = 0; i < count; ++i) {
    const double p = to_double(at.p[i]);
    double g = to_double(at.g[i]);
    if (options.weight_decay != 0) g += options.weight_decay * p;
    if (options.momentum != 0) {
      const double b = options.momentum * to_double(at.b[i]) + g;
      at.b_out[i] = from_double<T>(b);
      g = options.nesterov ? g + options.momentum * b : b;
    }
    at.p_out[i] = from_double<T>(p - lr * g);
  }
}

Execution prepare(const Problem& problem) {
  const SgdOptions options = problem.options_as<SgdOptions>();
  const int64_t count = problem.inputs[0].shape.elements();
  return dispatch_floating(problem.inputs[0].dtype, [&]<class T>() -> Execution {
    using Rate = std::conditional_t<std::is_same_v<T, double>, double, float>;
    return {.run = [=](const Args& args, Stream&) {
      update(operands<T, Rate>(args, options.momentum != 0), options, count);
    }};
  });
}

}  // namespace

const Engine kReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports, prepare};

}  // namespace voluta::sgd
