#include <voluta/kernels/cast/cast_engines.h>

namespace voluta {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

Execution prepare(const Problem& problem) {
  return {.run = [x_type = problem.inputs[0], to = problem.outputs[0].dtype](const Args& args,
                                                                             Stream&) {
    dispatch_floating(x_type.dtype, [&]<class X>() {
      dispatch_floating(to, [&]<class Y>() {
        const X* x = args.in<X>(0);
        Y* y = args.out<Y>(0);
        for (int64_t i = 0; i < x_type.shape.elements(); ++i)
          y[i] = from_double<Y>(to_double(x[i]));
      });
    });
  }};
}

}  // namespace

const Engine kCastReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                            prepare};

}  // namespace voluta
