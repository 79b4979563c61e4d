// softmax_cross_entropy, the reference: row by row in double precision over any floating storage.

#include <voluta/kernels/softmax_cross_entropy/softmax_cross_entropy_engines.h>

#include <cmath>
#include <limits>

namespace voluta::cross_entropy {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Support supports(const Problem&) {
  return Support::yes();
}

bool is_class(int64_t label, int64_t k) {
  return label >= 0 && label < k;
}

struct RowStatistics {
  double maximum, sum;  // sum_j exp(x_j - maximum)
};

template <class T>
RowStatistics statistics(const T* x, int64_t k) {
  RowStatistics row{-std::numeric_limits<double>::infinity(), 0};
  for (int64_t j = 0; j < k; ++j) {
    if (!(to_double(x[j]) <= row.maximum)) row.maximum = to_double(x[j]);  // NaN stays
  }
  for (int64_t j = 0; j < k; ++j) row.sum += std::exp(to_double(x[j]) - row.maximum);
  return row;
}

template <class T>
double row_loss(const T* x, int64_t label, const Setup& s) {
  if (!is_class(label, s.k)) return kNaN;
  const RowStatistics row = statistics(x, s.k);
  double loss = std::log(row.sum) + (1 - s.smoothing) * (row.maximum - to_double(x[label]));
  if (s.smoothing == 0) return loss;
  double distances = 0;
  for (int64_t j = 0; j < s.k; ++j) distances += row.maximum - to_double(x[j]);
  return loss + s.smoothing / static_cast<double>(s.k) * distances;
}

template <class T>
void row_gradient(const T* x, int64_t label, double scale, const Setup& s, T* dx) {
  const RowStatistics row = statistics(x, s.k);
  if (!is_class(label, s.k)) scale = kNaN;
  for (int64_t j = 0; j < s.k; ++j) {
    const double probability = std::exp(to_double(x[j]) - row.maximum) / row.sum;
    const double target =
        (j == label ? 1 - s.smoothing : 0.0) + s.smoothing / static_cast<double>(s.k);
    dx[j] = from_double<T>(scale * (probability - target));
  }
}

template <class T>
using Loss = std::conditional_t<std::is_same_v<T, double>, double, float>;

Execution prepare(const Problem& problem) {
  return dispatch_floating(problem.inputs[0].dtype, [&]<class T>() -> Execution {
    return {.run = [s = setup_of(problem)](const Args& args, Stream&) {
      double sum = 0;
      for (int64_t i = 0; i < s.n; ++i) {
        sum += row_loss(args.in<T>(0) + i * s.k, args.in<int64_t>(1)[i], s);
      }
      *args.out<Loss<T>>(0) = from_double<Loss<T>>(sum / static_cast<double>(s.n));
    }};
  });
}

Execution prepare_gradient(const Problem& problem) {
  return dispatch_floating(problem.inputs[0].dtype, [&]<class T>() -> Execution {
    return {.run = [s = setup_of(problem)](const Args& args, Stream&) {
      const double scale = to_double(*args.in<Loss<T>>(2)) / static_cast<double>(s.n);
      for (int64_t i = 0; i < s.n; ++i) {
        row_gradient(args.in<T>(0) + i * s.k, args.in<int64_t>(1)[i], scale, s,
                     args.out<T>(0) + i * s.k);
      }
    }};
  });
}

}  // namespace

const Engine kReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports, prepare};
const Engine kGradientReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                                prepare_gradient};

}  // namespace voluta::cross_entropy
