#include <voluta/kernels/activation/activation.h>
#include <voluta/kernels/activation/activation_engines.h>

namespace voluta {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

Execution prepare(const Problem& problem) {
  const ActivationOptions options = problem.options_as<ActivationOptions>();
  const TensorType type = problem.inputs[0];
  return {.run = [options, type](const Args& args, Stream&) {
    dispatch_floating(type.dtype, [&]<class T>() {
      const T* x = args.in<T>(0);
      T* y = args.out<T>(0);
      for (int64_t i = 0; i < type.shape.elements(); ++i) {
        y[i] = from_double<T>(activate(options.kind, to_double(x[i]), options.negative_slope));
      }
    });
  }};
}

Execution prepare_gradient(const Problem& problem) {
  const ActivationOptions options = problem.options_as<ActivationOptions>();
  const TensorType type = problem.inputs[0];
  return {.run = [options, type](const Args& args, Stream&) {
    dispatch_floating(type.dtype, [&]<class T>() {
      const T *kept = args.in<T>(0), *dy = args.in<T>(1);  // y or x
      T* dx = args.out<T>(0);
      for (int64_t i = 0; i < type.shape.elements(); ++i) {
        dx[i] = from_double<T>(activate_gradient(options.kind, to_double(kept[i]), to_double(dy[i]),
                                                 options.negative_slope));
      }
    });
  }};
}

}  // namespace

const Engine kActivationReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                                  prepare};
const Engine kActivationGradientReference{"reference", DeviceType::kCpu, EngineRole::kReference,
                                          supports, prepare_gradient};

}  // namespace voluta
