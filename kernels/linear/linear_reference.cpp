// linear, the reference: three loops in double precision over any floating storage.

#include <voluta/kernels/linear/linear_engines.h>

namespace voluta::linear {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

Execution prepare(const Problem& problem) {
  const Extents e = forward_extents(problem);
  const bool bias = has_bias(problem);
  const ActivationKind activation = problem.options_as<LinearOptions>().activation;
  return dispatch_floating(problem.inputs[0].dtype, [=]<class T>() -> Execution {
    return {.run = [=](const Args& args, Stream&) {
      const T* x = args.in<T>(0);                   // [N,F]
      const T* w = args.in<T>(1);                   // [M,F]
      const T* b = bias ? args.in<T>(2) : nullptr;  // [M]
      T* y = args.out<T>(0);                        // [N,M]
      for (int64_t n = 0; n < e.n; ++n) {
        for (int64_t m = 0; m < e.m; ++m) {
          double sum = 0;
          for (int64_t f = 0; f < e.f; ++f) {
            sum += to_double(x[n * e.f + f]) * to_double(w[m * e.f + f]);
          }
          if (b != nullptr) sum += to_double(b[m]);
          y[n * e.m + m] = from_double<T>(activate(activation, sum));
        }
      }
    }};
  });
}

Execution prepare_input_gradient(const Problem& problem) {
  const Extents e = input_gradient_extents(problem);
  return dispatch_floating(problem.inputs[0].dtype, [=]<class T>() -> Execution {
    return {.run = [=](const Args& args, Stream&) {
      const T* dy = args.in<T>(0);  // [N,M]
      const T* w = args.in<T>(1);   // [M,F]
      T* dx = args.out<T>(0);       // [N,F]
      for (int64_t n = 0; n < e.n; ++n) {
        for (int64_t f = 0; f < e.f; ++f) {
          double sum = 0;
          for (int64_t m = 0; m < e.m; ++m) {
            sum += to_double(dy[n * e.m + m]) * to_double(w[m * e.f + f]);
          }
          dx[n * e.f + f] = from_double<T>(sum);
        }
      }
    }};
  });
}

Execution prepare_weight_gradient(const Problem& problem) {
  const Extents e = weight_gradient_extents(problem);
  return dispatch_floating(problem.inputs[0].dtype, [=]<class T>() -> Execution {
    return {.run = [=](const Args& args, Stream&) {
      const T* x = args.in<T>(0);   // [N,F]
      const T* dy = args.in<T>(1);  // [N,M]
      T* dw = args.out<T>(0);       // [M,F]
      for (int64_t m = 0; m < e.m; ++m) {
        for (int64_t f = 0; f < e.f; ++f) {
          double sum = 0;
          for (int64_t n = 0; n < e.n; ++n) {
            sum += to_double(dy[n * e.m + m]) * to_double(x[n * e.f + f]);
          }
          dw[m * e.f + f] = from_double<T>(sum);
        }
      }
    }};
  });
}

}  // namespace

const Engine kReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports, prepare};
const Engine kInputGradientReference{"reference", DeviceType::kCpu, EngineRole::kReference,
                                     supports, prepare_input_gradient};
const Engine kWeightGradientReference{"reference", DeviceType::kCpu, EngineRole::kReference,
                                      supports, prepare_weight_gradient};

}  // namespace voluta::linear
