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

// What a problem's targets are, mixed with the smoothing; NaN throughout the row of a bad label.
template <class T>
struct Targets {
  Setup s;
  const void* given;  // [N] i64 or [N,K] T

  double at(int64_t n, int64_t k) const {
    const double each = s.smoothing / static_cast<double>(s.k);
    if (s.soft) {
      return (1 - s.smoothing) * to_double(static_cast<const T*>(given)[n * s.k + k]) + each;
    }
    const int64_t label = static_cast<const int64_t*>(given)[n];
    if (!is_class(label, s.k)) return kNaN;
    return (k == label ? 1 - s.smoothing : 0.0) + each;
  }
  // A label's row has nothing but its class, so that 0 times an infinite distance is not computed.
  bool skips(int64_t n, int64_t k) const {
    if (s.soft || s.smoothing != 0) return false;
    const int64_t label = static_cast<const int64_t*>(given)[n];
    return is_class(label, s.k) && k != label;
  }
};

template <class T>
double row_loss(const T* x /* [K] */, const Targets<T>& targets, int64_t n) {
  const RowStatistics row = statistics(x, targets.s.k);
  const double log_sum = std::log(row.sum);
  double loss = 0;
  for (int64_t j = 0; j < targets.s.k; ++j) {
    if (targets.skips(n, j)) continue;
    loss += targets.at(n, j) * (log_sum + (row.maximum - to_double(x[j])));
  }
  return loss;
}

template <class T>
void row_gradient(const T* x /* [K] */, const Targets<T>& targets, int64_t n, double scale,
                  T* dx /* [K] */) {
  const RowStatistics row = statistics(x, targets.s.k);
  double weight = targets.s.soft ? 0 : 1;
  for (int64_t j = 0; targets.s.soft && j < targets.s.k; ++j) weight += targets.at(n, j);
  for (int64_t j = 0; j < targets.s.k; ++j) {
    const double probability = std::exp(to_double(x[j]) - row.maximum) / row.sum;
    dx[j] = from_double<T>(scale * (weight * probability - targets.at(n, j)));
  }
}

template <class T>
using Loss = std::conditional_t<std::is_same_v<T, double>, double, float>;

Execution prepare(const Problem& problem) {
  return dispatch_floating(problem.inputs[0].dtype, [&]<class T>() -> Execution {
    return {.run = [s = setup_of(problem)](const Args& args, Stream&) {
      double sum = 0;
      for (int64_t i = 0; i < s.n; ++i) {
        sum += row_loss(args.in<T>(0) + i * s.k, Targets<T>{s, args.inputs[1]}, i);
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
        row_gradient(args.in<T>(0) + i * s.k, Targets<T>{s, args.inputs[1]}, i, scale,
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
