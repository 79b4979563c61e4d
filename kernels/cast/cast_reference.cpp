#include <voluta/kernels/cast/cast_engines.h>

namespace voluta {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

Execution prepare(const Problem& problem) {
  return {
      .run = [tensors = problem.inputs, to = problem.outputs[0].dtype](const Args& args, Stream&) {
        dispatch_floating(tensors[0].dtype, [&]<class X>() {
          dispatch_floating(to, [&]<class Y>() {
            for (std::size_t t = 0; t < tensors.size(); ++t) {
              const X* x = args.in<X>(t);
              Y* y = args.out<Y>(t);
              for (int64_t i = 0; i < tensors[t].shape.elements(); ++i)
                y[i] = from_double<Y>(to_double(x[i]));
            }
          });
        });
      }};
}

}  // namespace

const Engine kCastReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                            prepare};

}  // namespace voluta
