// classification_metrics, the reference.

#include <voluta/kernels/classification_metrics/classification_metrics_engines.h>

#include <cmath>

namespace voluta::classification_metrics {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

// Classes that rank before the label; K where the label is no class or its logit NaN.
template <class T>
int64_t rank_of(const T* row, int64_t label, int64_t k) {
  if (label < 0 || label >= k) return k;
  const double own = to_double(row[label]);
  if (std::isnan(own)) return k;
  int64_t rank = 0;
  for (int64_t j = 0; j < k; ++j) {
    const double other = to_double(row[j]);
    if (std::isnan(other) || other > own || (other == own && j < label)) ++rank;
  }
  return rank;
}

Execution prepare(const Problem& problem) {
  const int64_t n = problem.inputs[0].shape[0], k = problem.inputs[0].shape[1];
  return dispatch_floating(problem.inputs[0].dtype, [=, &problem]<class T>() {
    return dispatch_floating(problem.inputs[2].dtype, [=]<class Loss>() -> Execution {
      return {.run = [=](const Args& args, Stream&) {
        int64_t first = 0, among_top = 0;
        for (int64_t i = 0; i < n; ++i) {
          const int64_t rank = rank_of(args.in<T>(0) + i * k, args.in<int64_t>(1)[i], k);
          if (rank < k && rank < 1) ++first;
          if (rank < k && rank < kTop) ++among_top;
        }
        const double* old = args.in<double>(3);
        double* sums = args.out<double>(0);
        sums[0] = old[0] + to_double(*args.in<Loss>(2)) * static_cast<double>(n);
        sums[1] = old[1] + static_cast<double>(first);
        sums[2] = old[2] + static_cast<double>(among_top);
        sums[3] = old[3] + static_cast<double>(n);
      }};
    });
  });
}

}  // namespace

const Engine kReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports, prepare};

}  // namespace voluta::classification_metrics
