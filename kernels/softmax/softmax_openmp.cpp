// softmax and its gradient on the CPU, a row a core at a time. oneDNN has the op, but loses NaN: it turns a row
// with one into zeros, and a diverged network would look sure of itself.

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/softmax/softmax_engines.h>

#include <cmath>
#include <type_traits>

namespace voluta::softmax {
namespace {

constexpr int64_t kParallelFrom = 1 << 14;  // elements; below, a core is done before others wake

// A NaN is skipped here and reaches the row through the sum of the exponentials.
template <class T>
float row_maximum(const T* x, int64_t k) {
  auto maximum = static_cast<float>(x[0]);
  for (int64_t j = 1; j < k; ++j) {
    const auto value = static_cast<float>(x[j]);
    maximum = value > maximum ? value : maximum;
  }
  return maximum;
}

// y may be x. In f32 y keeps the exponentials; 16 bits would round them, and they are computed twice.
template <class T>
void softmax_row(const T* x, T* y, int64_t k) {
  const float maximum = row_maximum(x, k);
  const auto exponential = [&](int64_t j) { return std::exp(static_cast<float>(x[j]) - maximum); };
  float sum = 0;
  if constexpr (std::is_same_v<T, float>) {
    for (int64_t j = 0; j < k; ++j) {
      y[j] = exponential(j);
      sum += y[j];
    }
    for (int64_t j = 0; j < k; ++j) y[j] /= sum;
  } else {
    for (int64_t j = 0; j < k; ++j) sum += exponential(j);
    for (int64_t j = 0; j < k; ++j) y[j] = static_cast<T>(exponential(j) / sum);
  }
}

// dx may be dy.
template <class T>
void gradient_row(const T* y, const T* dy, T* dx, int64_t k) {
  float sum = 0;
  for (int64_t j = 0; j < k; ++j) sum += static_cast<float>(y[j]) * static_cast<float>(dy[j]);
  for (int64_t j = 0; j < k; ++j) {
    dx[j] = static_cast<T>(static_cast<float>(y[j]) * (static_cast<float>(dy[j]) - sum));
  }
}

// row(args, first element) for all rows.
template <class Row>
Execution over_rows(const Problem& problem, Row row) {
  const int64_t n = problem.inputs[0].shape[0], k = problem.inputs[0].shape[1];
  return {.run = [=](const Args& args, Stream&) {
#pragma omp parallel for if (n * k >= kParallelFrom) schedule(static)
    for (int64_t i = 0; i < n; ++i) row(args, i * k);
  }};
}

Execution prepare(const Problem& problem) {
  const int64_t k = problem.inputs[0].shape[1];
  return dispatch_elements(problem, [&]<class T>() {
    return over_rows(problem, [k](const Args& args, int64_t first) {
      softmax_row(args.in<T>(0) + first, args.out<T>(0) + first, k);
    });
  });
}

Execution prepare_gradient(const Problem& problem) {
  const int64_t k = problem.inputs[0].shape[1];
  return dispatch_elements(problem, [&]<class T>() {
    return over_rows(problem, [k](const Args& args, int64_t first) {
      gradient_row(args.in<T>(0) + first, args.in<T>(1) + first, args.out<T>(0) + first, k);
    });
  });
}

}  // namespace

const Engine kOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty, prepare};
const Engine kGradientOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty,
                             prepare_gradient};

}  // namespace voluta::softmax
