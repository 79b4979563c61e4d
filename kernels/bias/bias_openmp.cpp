// bias and its gradient on the CPU as loops over rows. oneDNN 2.6 has both, but its broadcast add
// of [50176, 6] and [6] takes four times as long as this loop, and its reduction over rows is the
// unoptimised one: 15 ms where this takes 0.3 ms on one core.

#include <voluta/kernels/bias/bias_engines.h>
#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>

#include <algorithm>

namespace voluta {
namespace {
// Rows are summed in at most this many runs of at least that many rows, whatever the number of
// threads: the sums' order is fixed.
constexpr int64_t kRuns = 64, kRowsARun = 16;

template <class T>
Execution prepare_as(const Problem& problem) {
  const auto [rows, columns] = bias_extents(problem);
  return {.run = [rows = rows, columns = columns](const Args& args, Stream&) {
    const T *x = args.in<T>(0), *b = args.in<T>(1);  // [rows, columns], [columns]
    T* y = args.out<T>(0);                           // [rows, columns]
#pragma omp parallel for if (rows * columns > kParallelElements)
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t first = row * columns;
#pragma omp simd
      for (int64_t c = 0; c < columns; ++c) {
        y[first + c] = static_cast<T>(static_cast<float>(x[first + c]) + static_cast<float>(b[c]));
      }
    }
  }};
}

// sums[c] = sum of dy[row, c] over rows [begin, end).
template <class T>
void sum_rows(const T* dy, int64_t begin, int64_t end, int64_t columns, float* sums) {
  std::fill_n(sums, columns, 0.0f);
  for (int64_t row = begin; row < end; ++row) {
    const T* from = dy + row * columns;
#pragma omp simd
    for (int64_t c = 0; c < columns; ++c) sums[c] += static_cast<float>(from[c]);
  }
}

template <class T>
Execution prepare_gradient_as(const Problem& problem) {
  const auto [rows, columns] = bias_extents(problem);
  const int64_t runs = std::clamp<int64_t>(rows / kRowsARun, 1, kRuns);
  const auto workspace = static_cast<std::size_t>(runs * columns) * sizeof(float);
  return {.workspace_bytes = workspace,
          .run = [runs, rows = rows, columns = columns](const Args& args, Stream&) {
            const T* dy = args.in<T>(0);                           // [rows, columns]
            float* partial = static_cast<float*>(args.workspace);  // [runs, columns]
#pragma omp parallel for if (rows * columns > kParallelElements)
            for (int64_t run = 0; run < runs; ++run) {
              sum_rows(dy, rows * run / runs, rows * (run + 1) / runs, columns,
                       partial + run * columns);
            }
            // The runs' sums meet in the first run's.
            for (int64_t run = 1; run < runs; ++run) {
              const float* from = partial + run * columns;
#pragma omp simd
              for (int64_t c = 0; c < columns; ++c) partial[c] += from[c];
            }
            T* db = args.out<T>(0);  // [columns]
            for (int64_t c = 0; c < columns; ++c) db[c] = static_cast<T>(partial[c]);
          }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}
Execution prepare_gradient(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_gradient_as<T>(problem); });
}

}  // namespace

const Engine kBiasOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty,
                         prepare};
const Engine kBiasGradientOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct,
                                 supports_nonempty, prepare_gradient};

}  // namespace voluta
