#include <voluta/kernels/scale/scale.h>
#include <voluta/kernels/scale/scale_engines.h>

namespace voluta {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

Execution prepare(const Problem& problem) {
  const double factor = problem.options_as<ScaleOptions>().factor;
  const TensorType type = problem.inputs[0];
  return {.run = [factor, type](const Args& args, Stream&) {
    dispatch_floating(type.dtype, [&]<class T>() {
      const T* x = args.in<T>(0);
      T* y = args.out<T>(0);
      for (int64_t i = 0; i < type.shape.elements(); ++i) {
        y[i] = from_double<T>(factor * to_double(x[i]));
      }
    });
  }};
}

}  // namespace

const Engine kScaleReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                             prepare};

}  // namespace voluta
