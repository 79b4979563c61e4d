// tensor_norms, clip_factor and loss_scale_update, the references: in double precision.

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
  const ClipFactorOptions options = problem.options_as<ClipFactorOptions>();
  const int64_t count = problem.inputs[0].shape.elements();
  return dispatch_floating(problem.inputs[0].dtype, [&]<class T>() -> Execution {
    return {.run = [options, count](const Args& args, Stream&) {
      const double scale = options.scaled ? to_double(args.in<T>(1)[0]) : 1;
      const double norm = norm_of(args.in<T>(0), count) / scale;
      args.out<T>(0)[0] = from_double<T>(clip_factor(norm, options.max_norm, scale));
      args.out<T>(1)[0] = from_double<T>(norm);
    }};
  });
}

template <class T>
void update_loss_scale(const LossScaleOptions& options, const Args& args) {
  const LossScale<T> now{args.in<T>(1)[0], args.in<int64_t>(2)[0], args.in<int64_t>(3)[0]};
  const LossScale<T> next =
      next_loss_scale<T>(now, args.in<T>(0)[0], static_cast<T>(options.growth),
                         static_cast<T>(options.backoff), options.interval);
  args.out<T>(0)[0] = next.scale;
  args.out<int64_t>(1)[0] = next.steps;
  args.out<int64_t>(2)[0] = next.updates;
}

Execution prepare_loss_scale(const Problem& problem) {
  const LossScaleOptions options = problem.options_as<LossScaleOptions>();
  if (problem.inputs[0].dtype == DType::f64) {
    return {
        .run = [options](const Args& args, Stream&) { update_loss_scale<double>(options, args); }};
  }
  return {.run = [options](const Args& args, Stream&) { update_loss_scale<float>(options, args); }};
}

}  // namespace

const Engine kTensorNormsReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                                   prepare_norms};
const Engine kClipFactorReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                                  prepare_factor};
const Engine kLossScaleUpdateReference{"reference", DeviceType::kCpu, EngineRole::kReference,
                                       supports, prepare_loss_scale};

}  // namespace voluta
