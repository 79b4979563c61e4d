#include <voluta/kernels/adaptive_average_pool2d/adaptive_average_pool2d_engines.h>

#include <vector>

namespace voluta {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

// Calls position(index of x, index of y, positions in the window) for each position of each window,
// as the definition says; x [N,H,W,C], y [N,P,Q,C].
template <class F>
void for_each_position(const Shape& x, const Shape& y, const F& position) {
  const auto begin = [&](int axis, int64_t i) { return i * x[axis] / y[axis]; };
  const auto end = [&](int axis, int64_t i) { return ((i + 1) * x[axis] + y[axis] - 1) / y[axis]; };
  int64_t out = 0;
  for (int64_t n = 0; n < y[0]; ++n) {
    for (int64_t p = 0; p < y[1]; ++p) {
      for (int64_t q = 0; q < y[2]; ++q) {
        const int64_t area = (end(1, p) - begin(1, p)) * (end(2, q) - begin(2, q));
        for (int64_t c = 0; c < y[3]; ++c, ++out) {
          for (int64_t h = begin(1, p); h < end(1, p); ++h) {
            for (int64_t w = begin(2, q); w < end(2, q); ++w) {
              position(((n * x[1] + h) * x[2] + w) * x[3] + c, out, area);
            }
          }
        }
      }
    }
  }
}

template <class T>
void store(const std::vector<double>& sums, T* to) {
  for (std::size_t i = 0; i < sums.size(); ++i) to[i] = from_double<T>(sums[i]);
}

Execution prepare(const Problem& problem) {
  return {.run = [x = problem.inputs[0], y = problem.outputs[0].shape](const Args& args, Stream&) {
    dispatch_floating(x.dtype, [&]<class T>() {
      const T* from = args.in<T>(0);
      std::vector<double> means(static_cast<std::size_t>(y.elements()), 0.0);
      std::vector<int64_t> areas(means.size(), 1);
      for_each_position(x.shape, y, [&](int64_t in, int64_t out, int64_t area) {
        means[static_cast<std::size_t>(out)] += to_double(from[in]);
        areas[static_cast<std::size_t>(out)] = area;
      });
      for (std::size_t i = 0; i < means.size(); ++i) means[i] /= static_cast<double>(areas[i]);
      store(means, args.out<T>(0));
    });
  }};
}

Execution prepare_gradient(const Problem& problem) {
  return {.run = [x = problem.outputs[0], y = problem.inputs[0].shape](const Args& args, Stream&) {
    dispatch_floating(x.dtype, [&]<class T>() {
      const T* dy = args.in<T>(0);
      std::vector<double> sums(static_cast<std::size_t>(x.shape.elements()), 0.0);
      for_each_position(x.shape, y, [&](int64_t in, int64_t out, int64_t area) {
        sums[static_cast<std::size_t>(in)] += to_double(dy[out]) / static_cast<double>(area);
      });
      store(sums, args.out<T>(0));
    });
  }};
}

}  // namespace

const Engine kAdaptiveAveragePool2dReference{"reference", DeviceType::kCpu, EngineRole::kReference,
                                             supports, prepare};
const Engine kAdaptiveAveragePool2dGradientReference{
    "reference", DeviceType::kCpu, EngineRole::kReference, supports, prepare_gradient};

}  // namespace voluta
