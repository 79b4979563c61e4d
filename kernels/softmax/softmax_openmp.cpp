// softmax on the CPU: f32, a row a core at a time. oneDNN has the op, but loses NaN: it turns a row
// with one into zeros, and a diverged network would look sure of itself.

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/softmax/softmax_engines.h>

#include <cmath>

namespace voluta::softmax {
namespace {

constexpr int64_t kParallelFrom = 1 << 14;  // elements; below, a core is done before others wake

// A NaN is skipped here and reaches the row through the sum of the exponentials.
float row_maximum(const float* x, int64_t k) {
  float maximum = x[0];
  for (int64_t j = 1; j < k; ++j) maximum = x[j] > maximum ? x[j] : maximum;
  return maximum;
}

// y may be x.
void softmax_row(const float* x, float* y, int64_t k) {
  const float maximum = row_maximum(x, k);
  float sum = 0;
  for (int64_t j = 0; j < k; ++j) {
    y[j] = std::exp(x[j] - maximum);
    sum += y[j];
  }
  for (int64_t j = 0; j < k; ++j) y[j] /= sum;
}

Execution prepare(const Problem& problem) {
  const int64_t n = problem.inputs[0].shape[0], k = problem.inputs[0].shape[1];
  return {.run = [=](const Args& args, Stream&) {
    const float* x = args.in<float>(0);  // [N,K]
    float* y = args.out<float>(0);       // [N,K]
#pragma omp parallel for if (n * k >= kParallelFrom) schedule(static)
    for (int64_t i = 0; i < n; ++i) softmax_row(x + i * k, y + i * k, k);
  }};
}

}  // namespace

const Engine kOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty_f32,
                     prepare};

}  // namespace voluta::softmax
