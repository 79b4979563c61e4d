// local response normalisation, the reference: windows summed up one by one in double precision.

#include <voluta/kernels/local_response_norm/local_response_norm_engines.h>

#include <algorithm>
#include <vector>

namespace voluta::local_response_norm {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

// s of each channel of a row.
template <class T>
std::vector<double> energies(const T* x, const Geometry& g) {
  std::vector<double> s;
  for (int64_t c = 0; c < g.channels; ++c) {
    double sum = 0;
    const int64_t end = std::min(c + g.after + 1, g.channels);
    for (int64_t j = std::max<int64_t>(c - g.before, 0); j < end; ++j) {
      sum += to_double(x[j]) * to_double(x[j]);
    }
    s.push_back(g.k + g.scale * sum);
  }
  return s;
}

Execution prepare(const Problem& problem) {
  const Geometry g = geometry(problem);
  return dispatch_floating(problem.inputs[0].dtype, [&]<class T>() -> Execution {
    return {.run = [g](const Args& args, Stream&) {
      for (int64_t row = 0; row < g.rows; ++row) {
        const T* x = args.in<T>(0) + row * g.channels;
        T* y = args.out<T>(0) + row * g.channels;
        const std::vector<double> s = energies(x, g);
        for (int64_t c = 0; c < g.channels; ++c) {
          y[c] =
              from_double<T>(to_double(x[c]) * std::pow(s[static_cast<std::size_t>(c)], -g.beta));
        }
      }
    }};
  });
}

template <class T>
void row_gradient(const T* x, const T* dy, T* dx, const Geometry& g) {
  const std::vector<double> s = energies(x, g);
  std::vector<double> through;
  for (int64_t c = 0; c < g.channels; ++c) {
    through.push_back(to_double(dy[c]) * to_double(x[c]) *
                      std::pow(s[static_cast<std::size_t>(c)], -g.beta - 1));
  }
  for (int64_t c = 0; c < g.channels; ++c) {
    double sum = 0;
    const int64_t end = std::min(c + g.before + 1, g.channels);
    for (int64_t j = std::max<int64_t>(c - g.after, 0); j < end; ++j) {
      sum += through[static_cast<std::size_t>(j)];
    }
    dx[c] = from_double<T>(to_double(dy[c]) * std::pow(s[static_cast<std::size_t>(c)], -g.beta) -
                           2 * g.scale * g.beta * to_double(x[c]) * sum);
  }
}

Execution prepare_gradient(const Problem& problem) {
  const Geometry g = geometry(problem);
  return dispatch_floating(problem.inputs[0].dtype, [&]<class T>() -> Execution {
    return {.run = [g](const Args& args, Stream&) {
      for (int64_t row = 0; row < g.rows; ++row) {
        const int64_t first = row * g.channels;
        row_gradient(args.in<T>(0) + first, args.in<T>(1) + first, args.out<T>(0) + first, g);
      }
    }};
  });
}

}  // namespace

const Engine kReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports, prepare};
const Engine kGradientReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports,
                                prepare_gradient};

}  // namespace voluta::local_response_norm
