// squared_error on the CPU: differences in f32, their squares added in double. See
// Note [Squared error's error bounds].

#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/squared_error/squared_error_engines.h>

namespace voluta::mean_squares {
namespace {
// Elements are summed in this many runs, whatever the number of threads: the sums' order is fixed.
constexpr int64_t kRuns = 64;

double sum_of_squares(const float* prediction, const float* target, int64_t begin, int64_t end) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = begin; i < end; ++i) {
    const double difference = prediction[i] - target[i];
    sum += difference * difference;
  }
  return sum;
}

Execution prepare(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  return {.run = [count](const Args& args, Stream&) {
    const float *prediction = args.in<float>(0), *target = args.in<float>(1);  // [count]
    double partial[kRuns];
#pragma omp parallel for if (count > kParallelElements)
    for (int64_t run = 0; run < kRuns; ++run) {
      partial[run] =
          sum_of_squares(prediction, target, count * run / kRuns, count * (run + 1) / kRuns);
    }
    double sum = 0;
    for (const double part : partial) sum += part;
    *args.out<float>(0) = static_cast<float>(sum / static_cast<double>(count));
  }};
}

Execution prepare_gradient(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  return {.run = [count](const Args& args, Stream&) {
    const float *prediction = args.in<float>(0), *target = args.in<float>(1);  // [count]
    const float factor = *args.in<float>(2) * static_cast<float>(2.0 / static_cast<double>(count));
    float* gradient = args.out<float>(0);  // [count]; may be either of the two
#pragma omp parallel for simd if (count > kParallelElements)
    for (int64_t i = 0; i < count; ++i) gradient[i] = factor * (prediction[i] - target[i]);
  }};
}

}  // namespace

const Engine kOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty_f32,
                     prepare};
const Engine kGradientOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct,
                             supports_nonempty_f32, prepare_gradient};

}  // namespace voluta::mean_squares
