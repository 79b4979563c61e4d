// batch normalisation, the reference: two passes a channel, in double precision over any floating
// storage.

#include <voluta/kernels/batch_norm/batch_norm_engines.h>

#include <cmath>

namespace voluta::batch_norm {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

// Calls f.operator()<T, Statistic>() for the problem's types.
template <class F>
Execution dispatch(const Problem& problem, F&& f) {
  return dispatch_floating(problem.inputs[0].dtype, [&]<class T>() -> Execution {
    using Statistic = std::conditional_t<std::is_same_v<T, double>, double, float>;
    return f.template operator()<T, Statistic>();
  });
}

// One column of a matrix [rows, channels] in double precision.
template <class T>
class Column {
 public:
  Column(const T* matrix, Extents extents, int64_t channel)
      : first_(matrix + channel), extents_(extents) {}
  int64_t rows() const { return extents_.rows; }
  double operator[](int64_t row) const { return to_double(first_[row * extents_.channels]); }

 private:
  const T* first_;
  Extents extents_;
};

// Element i of a residual, 0 where there is none.
template <class T>
double value(const T* residual, int64_t i) {
  return residual == nullptr ? 0 : to_double(residual[i]);
}

struct Moments {
  double mean = 0, variance = 0;
};

template <class T>
Moments moments(const Column<T>& x) {
  const auto rows = static_cast<double>(x.rows());
  Moments of;
  for (int64_t r = 0; r < x.rows(); ++r) of.mean += x[r];
  of.mean /= rows;
  for (int64_t r = 0; r < x.rows(); ++r) of.variance += (x[r] - of.mean) * (x[r] - of.mean);
  of.variance /= rows;
  return of;
}

Execution prepare_training(const Problem& problem) {
  const BatchNormOptions options = problem.options_as<BatchNormOptions>();
  const Extents size = extents(problem);
  return dispatch(problem, [&]<class T, class S>() -> Execution {
    return {.run = [=](const Args& args, Stream&) {
      const TrainingOperands<T, S> at(args, options);
      const auto rows = static_cast<double>(size.rows);
      for (int64_t c = 0; c < size.channels; ++c) {
        const Column<T> x(at.x, size, c);
        const Moments batch = moments(x);
        const double inverse = 1 / std::sqrt(batch.variance + options.epsilon);
        const double weight = at.weight[c], bias = at.bias[c], keep = 1 - options.momentum;
        for (int64_t r = 0; r < size.rows && !options.deferred; ++r) {
          const int64_t i = r * size.channels + c;
          const double u = (x[r] - batch.mean) * inverse * weight + bias + value(at.residual, i);
          at.y[i] = from_double<T>(activate(options.activation, u));
        }
        if (options.deferred) {
          at.normaliser[c] = from_double<S>(batch.mean);
          at.normaliser[size.channels + c] = from_double<S>(weight * inverse);
          at.normaliser[2 * size.channels + c] = from_double<S>(bias);
        }
        at.mean[c] = from_double<S>(batch.mean);
        at.inverse_deviation[c] = from_double<S>(inverse);
        at.new_mean[c] = from_double<S>(keep * at.running_mean[c] + options.momentum * batch.mean);
        at.new_var[c] = from_double<S>(keep * at.running_var[c] +
                                       options.momentum * batch.variance * rows / (rows - 1));
      }
      *at.new_batches = *at.batches + 1;
    }};
  });
}

Execution prepare_inference(const Problem& problem) {
  const BatchNormInferenceOptions options = problem.options_as<BatchNormInferenceOptions>();
  const Extents size = extents(problem);
  return dispatch(problem, [&]<class T, class S>() -> Execution {
    return {.run = [=](const Args& args, Stream&) {
      const InferenceOperands<T, S> at(args, options);
      for (int64_t i = 0; i < size.rows * size.channels; ++i) {
        const int64_t c = i % size.channels;
        const double inverse = 1 / std::sqrt(at.variance[c] + options.epsilon);
        const double u = (to_double(at.x[i]) - at.mean[c]) * inverse * at.weight[c] + at.bias[c] +
                         value(at.residual, i);
        at.y[i] = from_double<T>(activate(options.activation, u));
      }
    }};
  });
}

// Both gradients: in training the statistics depend on x, and `spread` is the inverse deviation;
// else they are constants, and it is the variance.
template <class T, class S>
void run_gradient(const GradientOperands<T, S>& at, Extents size, ActivationKind activation,
                  bool training, double epsilon, int64_t parts = 0) {
  const auto rows = static_cast<double>(size.rows);
  std::vector<double> du(static_cast<std::size_t>(size.rows));
  for (int64_t c = 0; c < size.channels; ++c) {
    const Column<T> x(at.x, size, c), dy(at.dy, {size.rows, at.dy_stride}, c);
    const Column<T> kept(at.kept == nullptr ? at.x : at.kept, size, c);
    const double mean = at.mean[c], weight = at.weight[c];
    const double inverse = training ? at.spread[c] : 1 / std::sqrt(at.spread[c] + epsilon);
    double dbias = 0, dweight = 0;
    for (int64_t r = 0; r < size.rows; ++r) {
      double reads = 0;
      if (at.kept != nullptr) {
        reads = kept[r];
      } else if (at.bias != nullptr) {
        reads = (x[r] - mean) * inverse * weight + at.bias[c];
        if (!gradient_reads_input({.kind = activation})) reads = activate(activation, reads);
      }
      const double gradient = activate_gradient(activation, reads, dy[r]);
      dbias += gradient;
      dweight += gradient * (x[r] - mean) * inverse;
      du[static_cast<std::size_t>(r)] = gradient;
    }
    if (at.sums != nullptr) {
      dbias = dweight = 0;
      for (int64_t part = 0; part < parts; ++part) {
        dbias += at.sums[part * 2 * size.channels + c];
        dweight += at.sums[(part * 2 + 1) * size.channels + c] * inverse;
      }
    }
    for (int64_t r = 0; r < size.rows; ++r) {
      const double gradient = du[static_cast<std::size_t>(r)];
      const double through_statistics =
          training ? (dbias + (x[r] - mean) * inverse * dweight) / rows : 0;
      const int64_t i = r * size.channels + c;
      at.dx[i] = from_double<T>(weight * inverse * (gradient - through_statistics));
      if (at.du != nullptr) at.du[i] = from_double<T>(gradient);
    }
    at.dweight[c] = from_double<S>(dweight);
    at.dbias[c] = from_double<S>(dbias);
  }
}

Execution prepare_training_gradient(const Problem& problem) {
  const auto options = problem.options_as<BatchNormTrainingGradientOptions>();
  return dispatch(problem, [&]<class T, class S>() -> Execution {
    const int64_t parts = options.sums ? sum_parts(problem) : 0;
    return {.run = [size = extents(problem), options, parts, stride = dy_stride(problem)](
                       const Args& args, Stream&) {
      run_gradient(GradientOperands<T, S>(args, options, stride), size, options.activation, true, 0,
                   parts);
    }};
  });
}

Execution prepare_inference_gradient(const Problem& problem) {
  const auto options = problem.options_as<BatchNormInferenceGradientOptions>();
  return dispatch(problem, [&]<class T, class S>() -> Execution {
    return {.run = [size = extents(problem), options, stride = dy_stride(problem)](const Args& args,
                                                                                   Stream&) {
      run_gradient(GradientOperands<T, S>(args, options, stride), size, options.activation, false,
                   options.epsilon);
    }};
  });
}

}  // namespace

const Engine kTrainingReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                                prepare_training};
const Engine kTrainingGradientReference{"reference", DeviceType::kCpu, EngineRole::kReference,
                                        supports, prepare_training_gradient};
const Engine kInferenceReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                                 prepare_inference};
const Engine kInferenceGradientReference{"reference", DeviceType::kCpu, EngineRole::kReference,
                                         supports, prepare_inference_gradient};

}  // namespace voluta::batch_norm
