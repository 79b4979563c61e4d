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
      const TrainingOperands<T, S> at(args);
      const auto rows = static_cast<double>(size.rows);
      for (int64_t c = 0; c < size.channels; ++c) {
        const Column<T> x(at.x, size, c);
        const Moments batch = moments(x);
        const double inverse = 1 / std::sqrt(batch.variance + options.epsilon);
        const double weight = at.weight[c], bias = at.bias[c], keep = 1 - options.momentum;
        for (int64_t r = 0; r < size.rows; ++r) {
          at.y[r * size.channels + c] =
              from_double<T>((x[r] - batch.mean) * inverse * weight + bias);
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
  const double epsilon = problem.options_as<BatchNormInferenceOptions>().epsilon;
  const Extents size = extents(problem);
  return dispatch(problem, [&]<class T, class S>() -> Execution {
    return {.run = [=](const Args& args, Stream&) {
      const T* x = args.in<T>(0);                                // [rows, channels]
      const S *weight = args.in<S>(1), *bias = args.in<S>(2);    // [channels]
      const S *mean = args.in<S>(3), *variance = args.in<S>(4);  // [channels]
      T* y = args.out<T>(0);                                     // [rows, channels]
      for (int64_t i = 0; i < size.rows * size.channels; ++i) {
        const int64_t c = i % size.channels;
        const double inverse = 1 / std::sqrt(variance[c] + epsilon);
        y[i] = from_double<T>((to_double(x[i]) - mean[c]) * inverse * weight[c] + bias[c]);
      }
    }};
  });
}

// Both gradients: in training the statistics depend on x, and `spread` is the inverse deviation;
// else they are constants, and it is the variance.
template <class T, class S>
void run_gradient(const GradientOperands<T, S>& at, Extents size, bool training, double epsilon) {
  const auto rows = static_cast<double>(size.rows);
  for (int64_t c = 0; c < size.channels; ++c) {
    const Column<T> x(at.x, size, c), dy(at.dy, size, c);
    const double mean = at.mean[c], weight = at.weight[c];
    const double inverse = training ? at.spread[c] : 1 / std::sqrt(at.spread[c] + epsilon);
    double dbias = 0, dweight = 0;
    for (int64_t r = 0; r < size.rows; ++r) {
      dbias += dy[r];
      dweight += dy[r] * (x[r] - mean) * inverse;
    }
    for (int64_t r = 0; r < size.rows; ++r) {
      const double through_statistics =
          training ? (dbias + (x[r] - mean) * inverse * dweight) / rows : 0;
      at.dx[r * size.channels + c] =
          from_double<T>(weight * inverse * (dy[r] - through_statistics));
    }
    at.dweight[c] = from_double<S>(dweight);
    at.dbias[c] = from_double<S>(dbias);
  }
}

Execution prepare_training_gradient(const Problem& problem) {
  return dispatch(problem, [&]<class T, class S>() -> Execution {
    return {.run = [size = extents(problem)](const Args& args, Stream&) {
      run_gradient(GradientOperands<T, S>(args), size, true, 0);
    }};
  });
}

Execution prepare_inference_gradient(const Problem& problem) {
  const double epsilon = problem.options_as<BatchNormInferenceOptions>().epsilon;
  return dispatch(problem, [&]<class T, class S>() -> Execution {
    return {.run = [size = extents(problem), epsilon](const Args& args, Stream&) {
      run_gradient(GradientOperands<T, S>(args), size, false, epsilon);
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
