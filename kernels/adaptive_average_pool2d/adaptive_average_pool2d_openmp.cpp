// adaptive_average_pool2d and its gradient on the CPU as loops over channels, the innermost axis;
// the result's pixel is the accumulator (of 16 bits, a row of floats). oneDNN 2.6 pools only to extents that divide the picture's.

#include <voluta/kernels/adaptive_average_pool2d/adaptive_average_pool2d_engines.h>
#include <voluta/kernels/common/float_row.h>
#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>

#include <algorithm>

namespace voluta {
namespace {

// For each pixel (row, column) of to [N, rows.to, columns.to, C], and each pixel of its windows in
// from [N, rows.from, columns.from, C], add(channels of to, channels of from, from's row, column);
// then finish(channels of to, area of the window).
template <class T, class Add, class Finish>
void gather(int n, int c, const AdaptiveAxis& rows, const AdaptiveAxis& columns, const T* from,
            T* to, const Add& add, const Finish& finish) {
  const int64_t read = int64_t{n} * rows.from * columns.from * c;
#pragma omp parallel for if (read > kParallelElements)
  for (int line = 0; line < n * rows.to; ++line) {
    const int image = line / rows.to, i = line % rows.to;
    FloatRow<T> accumulator(c);
    for (int j = 0; j < columns.to; ++j) {
      T* const stored = to + (int64_t{line} * columns.to + j) * c;
      float* const sum = accumulator.zeros(stored);
      for (int row = rows.begin(i); row < rows.end(i); ++row) {
        for (int column = columns.begin(j); column < columns.end(j); ++column) {
          const int64_t pixel = (int64_t{image} * rows.from + row) * columns.from + column;
          add(sum, from + pixel * c, row, column);
        }
      }
      finish(sum, rows.length(i) * columns.length(j));
      accumulator.store(stored);
    }
  }
}

template <class T>
Execution prepare_as(const Problem& problem) {
  return {.run = [g = adaptive_pool2d_geometry(problem)](const Args& args, Stream&) {
    gather(
        g.n, g.c, g.rows, g.columns, args.in<T>(0), args.out<T>(0),
        [&](float* sum, const T* x, int, int) {
#pragma omp simd
          for (int i = 0; i < g.c; ++i) sum[i] += static_cast<float>(x[i]);
        },
        [&](float* sum, int area) {
          const auto divisor = static_cast<float>(area);
#pragma omp simd
          for (int i = 0; i < g.c; ++i) sum[i] /= divisor;
        });
  }};
}

template <class T>
Execution prepare_gradient_as(const Problem& problem) {
  return {.run = [g = adaptive_pool2d_geometry(problem)](const Args& args, Stream&) {
    gather(
        g.n, g.c, g.covering_rows, g.covering_columns, args.in<T>(0), args.out<T>(0),
        [&](float* sum, const T* dy, int p, int q) {
          const auto divisor = static_cast<float>(g.rows.length(p) * g.columns.length(q));
#pragma omp simd
          for (int i = 0; i < g.c; ++i) sum[i] += static_cast<float>(dy[i]) / divisor;
        },
        [](float*, int) {});
  }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}
Execution prepare_gradient(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_gradient_as<T>(problem); });
}

}  // namespace

const Engine kAdaptiveAveragePool2dOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct,
                                          supports_adaptive_pool2d, prepare};
const Engine kAdaptiveAveragePool2dGradientOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct,
                                                  supports_adaptive_pool2d, prepare_gradient};

}  // namespace voluta
