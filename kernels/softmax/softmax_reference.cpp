// softmax, the reference: row by row in double precision over any floating storage.

#include <voluta/kernels/softmax/softmax_engines.h>

#include <cmath>

namespace voluta::softmax {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

// NaN where the row has one: a maximum that ignored it would hide it.
template <class T>
double row_maximum(const T* row, int64_t k) {
  double maximum = to_double(row[0]);
  for (int64_t j = 1; j < k; ++j) {
    const double x = to_double(row[j]);
    if (!(x <= maximum)) maximum = x;
  }
  return maximum;
}

template <class T>
void softmax_row(const T* x, T* y, int64_t k) {
  const double maximum = row_maximum(x, k);
  double sum = 0;
  for (int64_t j = 0; j < k; ++j) sum += std::exp(to_double(x[j]) - maximum);
  for (int64_t j = 0; j < k; ++j) {
    y[j] = from_double<T>(std::exp(to_double(x[j]) - maximum) / sum);
  }
}

template <class T>
void gradient_row(const T* y, const T* dy, T* dx, int64_t k) {
  double sum = 0;
  for (int64_t j = 0; j < k; ++j) sum += to_double(y[j]) * to_double(dy[j]);
  for (int64_t j = 0; j < k; ++j) {
    dx[j] = from_double<T>(to_double(y[j]) * (to_double(dy[j]) - sum));
  }
}

Execution prepare(const Problem& problem) {
  const int64_t n = problem.inputs[0].shape[0], k = problem.inputs[0].shape[1];
  return dispatch_floating(problem.inputs[0].dtype, [=]<class T>() -> Execution {
    return {.run = [=](const Args& args, Stream&) {
      const int64_t rows = k == 0 ? 0 : n;
      for (int64_t i = 0; i < rows; ++i) {
        softmax_row(args.in<T>(0) + i * k, args.out<T>(0) + i * k, k);
      }
    }};
  });
}

Execution prepare_gradient(const Problem& problem) {
  const int64_t n = problem.inputs[0].shape[0], k = problem.inputs[0].shape[1];
  return dispatch_floating(problem.inputs[0].dtype, [=]<class T>() -> Execution {
    return {.run = [=](const Args& args, Stream&) {
      for (int64_t i = 0; i < n; ++i) {
        gradient_row(args.in<T>(0) + i * k, args.in<T>(1) + i * k, args.out<T>(0) + i * k, k);
      }
    }};
  });
}

}  // namespace

const Engine kReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports, prepare};
const Engine kGradientReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                                prepare_gradient};

}  // namespace voluta::softmax
