#include <voluta/kernels/add/add_engines.h>

namespace voluta {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

Execution prepare(const Problem& problem) {
  const TensorType type = problem.inputs[0];
  return {.run = [type](const Args& args, Stream&) {
    dispatch_floating(type.dtype, [&]<class T>() {
      const T *a = args.in<T>(0), *b = args.in<T>(1);
      T* y = args.out<T>(0);
      for (int64_t i = 0; i < type.shape.elements(); ++i) {
        y[i] = from_double<T>(to_double(a[i]) + to_double(b[i]));
      }
    });
  }};
}

}  // namespace

const Engine kAddReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                           prepare};

}  // namespace voluta
