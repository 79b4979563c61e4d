#include <voluta/kernels/pool2d/pool2d_engines.h>

#include <vector>

namespace voluta {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

// x [N,H,W,C] -> y, argmax [N,P,Q,C]; argmax may be nullptr.
template <bool kLeast, class T>
void extreme_pool2d(const Pool2dGeometry& g, const T* x, T* y, uint8_t* argmax) {
  int64_t out = 0;
  for (int n = 0; n < g.n; ++n) {
    for (int p = 0; p < g.p; ++p) {
      for (int q = 0; q < g.q; ++q) {
        const Span1d rows = g.window_rows(p), columns = g.window_columns(q);
        for (int c = 0; c < g.c; ++c, ++out) {
          double best = kWorst<kLeast>;
          int winner = rows.begin * g.s + columns.begin;
          for (int r = rows.begin; r < rows.end; ++r) {
            for (int s = columns.begin; s < columns.end; ++s) {
              const int64_t row = int64_t{n} * g.h + p * g.u - g.top + r;
              const int64_t pixel = row * g.w + q * g.v - g.left + s;
              const double value = to_double(x[pixel * g.c + c]);
              if (!beats<kLeast>(value, best)) continue;
              best = value;
              winner = r * g.s + s;
            }
          }
          y[out] = from_double<T>(best);
          if (argmax != nullptr) argmax[out] = static_cast<uint8_t>(winner);
        }
      }
    }
  }
}

// x [N,H,W,C] -> y [N,P,Q,C].
template <class T>
void average_pool2d(const Pool2dGeometry& g, const T* x, T* y) {
  int64_t out = 0;
  for (int n = 0; n < g.n; ++n) {
    for (int p = 0; p < g.p; ++p) {
      for (int q = 0; q < g.q; ++q) {
        const Span1d rows = g.window_rows(p), columns = g.window_columns(q);
        for (int c = 0; c < g.c; ++c, ++out) {
          double sum = 0;
          for (int r = rows.begin; r < rows.end; ++r) {
            for (int s = columns.begin; s < columns.end; ++s) {
              const int64_t row = int64_t{n} * g.h + p * g.u - g.top + r;
              const int64_t pixel = row * g.w + q * g.v - g.left + s;
              sum += to_double(x[pixel * g.c + c]);
            }
          }
          y[out] = from_double<T>(sum / g.divisor(p, q, rows, columns));
        }
      }
    }
  }
}

// Scatters as the definition says, window by window, into doubles: unlike the engines, which
// gather. share(out, r, s, divisor) is what position (r, s) of the window of element `out` of dy
// receives.
template <class T, class Share>
void scatter(const Pool2dGeometry& g, T* dx, const Share& share) {
  std::vector<double> sums(static_cast<std::size_t>(int64_t{g.n} * g.h * g.w * g.c), 0.0);
  int64_t out = 0;
  for (int n = 0; n < g.n; ++n) {
    for (int p = 0; p < g.p; ++p) {
      for (int q = 0; q < g.q; ++q) {
        const Span1d rows = g.window_rows(p), columns = g.window_columns(q);
        for (int c = 0; c < g.c; ++c, ++out) {
          for (int r = rows.begin; r < rows.end; ++r) {
            for (int s = columns.begin; s < columns.end; ++s) {
              const int64_t row = int64_t{n} * g.h + p * g.u - g.top + r;
              const int64_t pixel = row * g.w + q * g.v - g.left + s;
              sums[static_cast<std::size_t>(pixel * g.c + c)] +=
                  share(out, r, s, g.divisor(p, q, rows, columns));
            }
          }
        }
      }
    }
  }
  for (std::size_t i = 0; i < sums.size(); ++i) dx[i] = from_double<T>(sums[i]);
}

Execution prepare(const Problem& problem) {
  const Pool2dGeometry geometry = pool2d_geometry(problem);
  const PoolMode mode = pool2d_options(problem).mode;
  const bool save_argmax = problem.outputs.size() == 2;
  return {.run = [=, dtype = problem.inputs[0].dtype](const Args& args, Stream&) {
    dispatch_floating(dtype, [&]<class T>() {
      const T* x = args.in<T>(0);
      T* y = args.out<T>(0);
      uint8_t* argmax = save_argmax ? args.out<uint8_t>(1) : nullptr;
      if (mode == PoolMode::kAverage) return average_pool2d(geometry, x, y);
      if (mode == PoolMode::kMax) return extreme_pool2d<false>(geometry, x, y, argmax);
      extreme_pool2d<true>(geometry, x, y, argmax);
    });
  }};
}

Execution prepare_max_gradient(const Problem& problem) {
  const Pool2dGeometry geometry = pool2d_geometry(problem);
  return {.run = [=, dtype = problem.inputs[0].dtype](const Args& args, Stream&) {
    dispatch_floating(dtype, [&]<class T>() {
      const T* dy = args.in<T>(0);
      const uint8_t* argmax = args.in<uint8_t>(1);
      scatter(geometry, args.out<T>(0), [&](int64_t out, int r, int s, int) {
        return argmax[out] == r * geometry.s + s ? to_double(dy[out]) : 0.0;
      });
    });
  }};
}

Execution prepare_average_gradient(const Problem& problem) {
  const Pool2dGeometry geometry = pool2d_geometry(problem);
  return {.run = [=, dtype = problem.inputs[0].dtype](const Args& args, Stream&) {
    dispatch_floating(dtype, [&]<class T>() {
      const T* dy = args.in<T>(0);
      scatter(geometry, args.out<T>(0),
              [&](int64_t out, int, int, int divisor) { return to_double(dy[out]) / divisor; });
    });
  }};
}

}  // namespace

const Engine kPool2dReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                              prepare};
const Engine kMaxPool2dGradientReference{"reference", DeviceType::kCpu, EngineRole::kReference,
                                         supports, prepare_max_gradient};
const Engine kAveragePool2dGradientReference{"reference", DeviceType::kCpu, EngineRole::kReference,
                                             supports, prepare_average_gradient};

}  // namespace voluta
