#include <voluta/kernels/flatten/flatten_engines.h>

namespace voluta {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

// Written in pictures, not in matrices: it judges whether the others' matrices are the right ones.
Execution prepare_flatten(const Problem& problem) {
  return {.run = [type = problem.inputs[0]](const Args& args, Stream&) {
    dispatch_floating(type.dtype, [&]<class T>() {
      const Shape& x = type.shape;
      const T* from = args.in<T>(0);  // [N,H,W,C]
      T* to = args.out<T>(0);         // [N, C*H*W]
      for (int64_t n = 0; n < x[0]; ++n)
        for (int64_t h = 0; h < x[1]; ++h)
          for (int64_t w = 0; w < x[2]; ++w)
            for (int64_t c = 0; c < x[3]; ++c)
              to[((n * x[3] + c) * x[1] + h) * x[2] + w] =
                  from[((n * x[1] + h) * x[2] + w) * x[3] + c];
    });
  }};
}

Execution prepare_unflatten(const Problem& problem) {
  return {.run = [type = problem.outputs[0]](const Args& args, Stream&) {
    dispatch_floating(type.dtype, [&]<class T>() {
      const Shape& y = type.shape;
      const T* from = args.in<T>(0);  // [N, C*H*W]
      T* to = args.out<T>(0);         // [N,H,W,C]
      for (int64_t n = 0; n < y[0]; ++n)
        for (int64_t h = 0; h < y[1]; ++h)
          for (int64_t w = 0; w < y[2]; ++w)
            for (int64_t c = 0; c < y[3]; ++c)
              to[((n * y[1] + h) * y[2] + w) * y[3] + c] =
                  from[((n * y[3] + c) * y[1] + h) * y[2] + w];
    });
  }};
}

}  // namespace

const Engine kFlattenReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                               prepare_flatten};
const Engine kUnflattenReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                                 prepare_unflatten};

}  // namespace voluta
