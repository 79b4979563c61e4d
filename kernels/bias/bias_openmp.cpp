// bias and its gradient on the CPU as loops over rows. oneDNN 2.6 has both, but its broadcast add
// of [50176, 6] and [6] takes four times as long as this loop, and its reduction over rows is the
// unoptimised one: 15 ms where this takes 0.3 ms on one core.

#include <voluta/kernels/bias/bias_engines.h>
#include <voluta/kernels/common/problem_checks.h>

#include <algorithm>

namespace voluta {
namespace {

// Below this many elements, waking threads costs more than the loop.
constexpr int64_t kParallelElements = 32768;
// Rows are summed in this many runs, whatever the number of threads: the sums' order is fixed.
constexpr int64_t kRuns = 64;

Execution prepare(const Problem& problem) {
  const auto [rows, channels] = bias_extents(problem);
  return {.run = [rows = rows, channels = channels](const Args& args, Stream&) {
    const float *x = args.in<float>(0), *b = args.in<float>(1);  // [rows, channels], [channels]
    float* y = args.out<float>(0);                               // [rows, channels]
#pragma omp parallel for if (rows * channels > kParallelElements)
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t first = row * channels;
#pragma omp simd
      for (int64_t c = 0; c < channels; ++c) y[first + c] = x[first + c] + b[c];
    }
  }};
}

// sums[c] = sum of dy[row, c] over rows [begin, end).
void sum_rows(const float* dy, int64_t begin, int64_t end, int64_t channels, float* sums) {
  std::fill_n(sums, channels, 0.0f);
  for (int64_t row = begin; row < end; ++row) {
    const float* from = dy + row * channels;
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) sums[c] += from[c];
  }
}

Execution prepare_gradient(const Problem& problem) {
  const auto [rows, channels] = bias_extents(problem);
  const auto workspace = static_cast<std::size_t>(kRuns * channels) * sizeof(float);
  return {.workspace_bytes = workspace,
          .run = [rows = rows, channels = channels](const Args& args, Stream&) {
            const float* dy = args.in<float>(0);                   // [rows, channels]
            float* partial = static_cast<float*>(args.workspace);  // [kRuns, channels]
#pragma omp parallel for if (rows * channels > kParallelElements)
            for (int64_t run = 0; run < kRuns; ++run) {
              sum_rows(dy, rows * run / kRuns, rows * (run + 1) / kRuns, channels,
                       partial + run * channels);
            }
            sum_rows(partial, 0, kRuns, channels, args.out<float>(0));
          }};
}

}  // namespace

const Engine kBiasOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty_f32,
                         prepare};
const Engine kBiasGradientOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct,
                                 supports_nonempty_f32, prepare_gradient};

}  // namespace voluta
