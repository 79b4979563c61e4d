// batch_norm_scale_shift on the CPU: the reference in double precision, and a loop in f32.

#include <voluta/kernels/batch_norm/batch_norm_scale_shift_engines.h>
#include <voluta/kernels/common/problem_checks.h>

#include <cmath>

namespace voluta::batch_norm {
namespace {

// In the precision of Real, over vectors of T.
template <class Real, class T>
Execution execution(const Problem& problem) {
  const int64_t channels = problem.inputs[0].shape[0];
  const auto epsilon = static_cast<Real>(problem.options_as<BatchNormScaleShiftOptions>().epsilon);
  return {.run = [=](const Args& args, Stream&) {
    const T *w = args.in<T>(0), *b = args.in<T>(1), *mean = args.in<T>(2), *var = args.in<T>(3);
    T *scale = args.out<T>(0), *shift = args.out<T>(1);
    for (int64_t c = 0; c < channels; ++c) {
      const Real of = static_cast<Real>(w[c]) / std::sqrt(static_cast<Real>(var[c]) + epsilon);
      scale[c] = static_cast<T>(of);
      shift[c] = static_cast<T>(static_cast<Real>(b[c]) - static_cast<Real>(mean[c]) * of);
    }
  }};
}

Support supports_any(const Problem&) {
  return Support::yes();
}

Execution prepare_reference(const Problem& problem) {
  return problem.inputs[0].dtype == DType::f64 ? execution<double, double>(problem)
                                               : execution<double, float>(problem);
}

}  // namespace

const Engine kScaleShiftLoop{"loop", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty_f32,
                             execution<float, float>};
const Engine kScaleShiftReference{"reference", DeviceType::kCpu, EngineRole::kReference,
                                  supports_any, prepare_reference};

}  // namespace voluta::batch_norm
