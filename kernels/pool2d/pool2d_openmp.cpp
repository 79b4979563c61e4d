// pool2d on the CPU as loops over channels, the innermost axis: for what oneDNN does not do (min,
// NaN, the argmax of a window of 256, the average of windows that reach beyond the padding, 16 bits).
// y and argmax of one output pixel are the accumulators; sums of 16-bit data have rows of their own.

#include <voluta/kernels/common/float_row.h>
#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/pool2d/pool2d_engines.h>

#include <algorithm>

namespace voluta {
namespace {

int64_t elements_of_y(const Pool2dGeometry& g) {
  return int64_t{g.n} * g.p * g.q * g.c;
}

// Calls pixel(n*P + p, p, q, window's rows, its columns) for each output pixel.
template <class F>
void for_each_window(const Pool2dGeometry& g, const F& pixel) {
#pragma omp parallel for if (elements_of_y(g) > kParallelElements)
  for (int row = 0; row < g.n * g.p; ++row) {
    const int p = row % g.p;
    for (int q = 0; q < g.q; ++q) pixel(row, p, q, g.window_rows(p), g.window_columns(q));
  }
}

// x's channels at position (r, s) of the window of output (row = n*P + p, q).
template <class T>
const T* position(const Pool2dGeometry& g, const T* x, int row, int q, int r, int s) {
  const int64_t h = int64_t{row / g.p} * g.h + row % g.p * g.u - g.top + r;
  return x + (h * g.w + q * g.v - g.left + s) * g.c;
}

template <bool kLeast, class T>
void take(int c, const T* x, int index, T* best, uint8_t* winner) {
  const auto beats_at = [&](int i) {
    return beats<kLeast>(static_cast<float>(x[i]), static_cast<float>(best[i]));
  };
  if (winner == nullptr) {
#pragma omp simd
    for (int i = 0; i < c; ++i) best[i] = beats_at(i) ? x[i] : best[i];
    return;
  }
  const auto here = static_cast<uint8_t>(index);
#pragma omp simd
  for (int i = 0; i < c; ++i) {
    const bool wins = beats_at(i);
    best[i] = wins ? x[i] : best[i];
    winner[i] = wins ? here : winner[i];
  }
}

template <bool kLeast, class T>
void extreme(const Pool2dGeometry& g, const T* x, T* y, uint8_t* argmax) {
  for_each_window(g, [&](int row, int, int q, Span1d rows, Span1d columns) {
    const int64_t out = (int64_t{row} * g.q + q) * g.c;
    uint8_t* winner = argmax == nullptr ? nullptr : argmax + out;
    std::fill_n(y + out, g.c, static_cast<T>(kWorst<kLeast>));
    if (winner != nullptr) {
      std::fill_n(winner, g.c, static_cast<uint8_t>(rows.begin * g.s + columns.begin));
    }
    for (int r = rows.begin; r < rows.end; ++r) {
      for (int s = columns.begin; s < columns.end; ++s) {
        take<kLeast>(g.c, position(g, x, row, q, r, s), r * g.s + s, y + out, winner);
      }
    }
  });
}

template <class T>
void average(const Pool2dGeometry& g, const T* x, T* y) {
  for_each_window(g, [&](int row, int p, int q, Span1d rows, Span1d columns) {
    T* const stored = y + (int64_t{row} * g.q + q) * g.c;
    FloatRow<T> accumulator(g.c);
    float* const sum = accumulator.zeros(stored);
    for (int r = rows.begin; r < rows.end; ++r) {
      for (int s = columns.begin; s < columns.end; ++s) {
        const T* from = position(g, x, row, q, r, s);
#pragma omp simd
        for (int i = 0; i < g.c; ++i) sum[i] += static_cast<float>(from[i]);
      }
    }
    const auto divisor = static_cast<float>(g.divisor(p, q, rows, columns));
#pragma omp simd
    for (int i = 0; i < g.c; ++i) sum[i] /= divisor;
    accumulator.store(stored);
  });
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const PoolMode mode = pool2d_options(problem).mode;
  const bool save_argmax = problem.outputs.size() == 2;
  return {.run = [=, g = pool2d_geometry(problem)](const Args& args, Stream&) {
    const T* x = args.in<T>(0);
    T* y = args.out<T>(0);
    if (mode == PoolMode::kAverage) return average(g, x, y);
    extreme_pool2d_openmp<T>(g, mode, x, y, save_argmax ? args.out<uint8_t>(1) : nullptr);
  }};
}

// Calls add(dx's channels, offset of dy's channels, p, q, the pixel's index in the window) for each
// input pixel and each window that covers it, in row-major order of the windows.
template <class T, class F>
void gather(const Pool2dGeometry& g, T* dx, const F& add) {
  const int64_t elements = int64_t{g.n} * g.h * g.w * g.c;
#pragma omp parallel for if (elements > kParallelElements)
  for (int row = 0; row < g.n * g.h; ++row) {
    const int n = row / g.h, h = row % g.h;
    const Span1d rows = g.covering_rows(h);
    FloatRow<T> accumulator(g.c);
    for (int w = 0; w < g.w; ++w) {
      const Span1d columns = g.covering_columns(w);
      T* const stored = dx + (int64_t{row} * g.w + w) * g.c;
      float* const sum = accumulator.zeros(stored);
      for (int p = rows.begin; p < rows.end; ++p) {
        for (int q = columns.begin; q < columns.end; ++q) {
          const int index = (h + g.top - p * g.u) * g.s + w + g.left - q * g.v;
          add(sum, ((int64_t{n} * g.p + p) * g.q + q) * g.c, p, q, index);
        }
      }
      accumulator.store(stored);
    }
  }
}

template <class T>
Execution prepare_max_gradient_as(const Problem& problem) {
  return {.run = [g = pool2d_geometry(problem)](const Args& args, Stream&) {
    const T* dy = args.in<T>(0);
    const uint8_t* argmax = args.in<uint8_t>(1);
    gather(g, args.out<T>(0), [&](float* sum, int64_t out, int, int, int index) {
#pragma omp simd
      for (int i = 0; i < g.c; ++i) {
        const auto value = static_cast<float>(dy[out + i]);
        sum[i] += argmax[out + i] == index ? value : 0.0f;
      }
    });
  }};
}

template <class T>
Execution prepare_average_gradient_as(const Problem& problem) {
  return {.run = [g = pool2d_geometry(problem)](const Args& args, Stream&) {
    const T* dy = args.in<T>(0);
    gather(g, args.out<T>(0), [&](float* sum, int64_t out, int p, int q, int) {
      const auto divisor =
          static_cast<float>(g.divisor(p, q, g.window_rows(p), g.window_columns(q)));
#pragma omp simd
      for (int i = 0; i < g.c; ++i) sum[i] += static_cast<float>(dy[out + i]) / divisor;
    });
  }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}
Execution prepare_max_gradient(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_max_gradient_as<T>(problem); });
}
Execution prepare_average_gradient(const Problem& problem) {
  return dispatch_elements(problem,
                           [&]<class T>() { return prepare_average_gradient_as<T>(problem); });
}

}  // namespace

template <class T>
void extreme_pool2d_openmp(const Pool2dGeometry& g, PoolMode mode, const T* x, T* y,
                           uint8_t* argmax) {
  (mode == PoolMode::kMin ? extreme<true, T> : extreme<false, T>)(g, x, y, argmax);
}
template void extreme_pool2d_openmp<float>(const Pool2dGeometry&, PoolMode, const float*, float*,
                                           uint8_t*);

const Engine kPool2dOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_int32,
                           prepare};
const Engine kMaxPool2dGradientOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct,
                                      supports_int32, prepare_max_gradient};
const Engine kAveragePool2dGradientOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct,
                                          supports_int32, prepare_average_gradient};

}  // namespace voluta
