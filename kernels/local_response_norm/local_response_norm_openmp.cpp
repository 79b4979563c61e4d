// local response normalisation on the CPU: squares of a row lie in a buffer with zeros on both
// sides, so that the sums over windows are loops over whole rows, which vectorise. oneDNN 2.6 has
// the forward op for odd windows alone, so it is not used.

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/local_response_norm/local_response_norm_engines.h>

#include <algorithm>

namespace voluta::local_response_norm {
namespace {

// Rows are shared out in this many parts, each with buffers of its own in the workspace.
constexpr int64_t kParts = 64;
// Below this many elements, waking threads costs more than the loop.
constexpr int64_t kParallelElements = 8192;

struct Scalars {
  float scale, beta, k;
  explicit Scalars(const Geometry& g)
      : scale(static_cast<float>(g.scale)),
        beta(static_cast<float>(g.beta)),
        k(static_cast<float>(g.k)) {}
};

// sums[c] = padded[c] + ... + padded[c + before + after], in this order.
void window_sums(const float* padded /* [before + channels + after] */, const Geometry& g,
                 float* sums /* [channels] */) {
  std::copy_n(padded, g.channels, sums);
  for (int64_t i = 1; i <= g.before + g.after; ++i) {
#pragma omp simd
    for (int64_t c = 0; c < g.channels; ++c) sums[c] += padded[c + i];
  }
}

// A part's buffers.
struct Buffers {
  float *squares, *through;  // [before + channels + after], zero on the sides
  float *s, *power;          // [channels]

  static int64_t floats(const Geometry& g) { return 2 * (g.before + g.after) + 4 * g.channels; }
  Buffers(float* memory, const Geometry& g)
      : squares(memory),
        through(squares + g.before + g.channels + g.after),
        s(through + g.before + g.channels + g.after),
        power(s + g.channels) {
    std::fill_n(memory, floats(g), 0.0f);
  }
};

// s and s^-beta of a row.
template <bool kThreeQuarters, class T>
void energies(const T* x, const Geometry& g, const Scalars& with, const Buffers& to) {
  float *squares = to.squares + g.before, *s = to.s, *power = to.power;
#pragma omp simd
  for (int64_t c = 0; c < g.channels; ++c) {
    const auto value = static_cast<float>(x[c]);
    squares[c] = value * value;
  }
  window_sums(to.squares, g, s);
#pragma omp simd
  for (int64_t c = 0; c < g.channels; ++c) {
    s[c] = with.k + with.scale * s[c];
    power[c] = inverse_power<kThreeQuarters>(s[c], with.beta);
  }
}

template <bool kThreeQuarters, class T>
void forward_row(const T* x, T* y, const Geometry& g, const Scalars& with, const Buffers& buffers) {
  energies<kThreeQuarters>(x, g, with, buffers);
#pragma omp simd
  for (int64_t c = 0; c < g.channels; ++c) {
    y[c] = static_cast<T>(static_cast<float>(x[c]) * buffers.power[c]);
  }
}

// The window of the gradient mirrors the forward one: `after` channels down and `before` up.
template <bool kThreeQuarters, class T>
void gradient_row(const T* x, const T* dy, T* dx, const Geometry& g, const Scalars& with,
                  const Buffers& buffers) {
  energies<kThreeQuarters>(x, g, with, buffers);
  float *through = buffers.through + g.after, *s = buffers.s;
#pragma omp simd
  for (int64_t c = 0; c < g.channels; ++c) {
    through[c] = static_cast<float>(dy[c]) * static_cast<float>(x[c]) * (buffers.power[c] / s[c]);
  }
  window_sums(buffers.through, g, s);
  const float factor = 2 * with.scale * with.beta;
#pragma omp simd
  for (int64_t c = 0; c < g.channels; ++c) {
    dx[c] = static_cast<T>(static_cast<float>(dy[c]) * buffers.power[c] -
                           factor * static_cast<float>(x[c]) * s[c]);
  }
}

// Calls row(first element, buffers) for all rows.
template <class Row>
Execution over_rows(const Geometry& g, Row row) {
  const int64_t parts = std::min(kParts, g.rows), floats = Buffers::floats(g);
  return {.workspace_bytes = static_cast<std::size_t>(parts * floats) * sizeof(float),
          .run = [=](const Args& args, Stream&) {
            float* const workspace = static_cast<float*>(args.workspace);
#pragma omp parallel for if (g.count() > kParallelElements)
            for (int64_t part = 0; part < parts; ++part) {
              const Buffers buffers(workspace + part * floats, g);
              for (int64_t r = g.rows * part / parts; r < g.rows * (part + 1) / parts; ++r) {
                row(args, r * g.channels, buffers);
              }
            }
          }};
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const Geometry g = geometry(problem);
  auto* const of_row = g.beta == 0.75 ? forward_row<true, T> : forward_row<false, T>;
  return over_rows(g, [=, with = Scalars(g)](const Args& args, int64_t at, const Buffers& buffers) {
    of_row(args.in<T>(0) + at, args.out<T>(0) + at, g, with, buffers);
  });
}

template <class T>
Execution prepare_gradient_as(const Problem& problem) {
  const Geometry g = geometry(problem);
  auto* const of_row = g.beta == 0.75 ? gradient_row<true, T> : gradient_row<false, T>;
  return over_rows(g, [=, with = Scalars(g)](const Args& args, int64_t at, const Buffers& buffers) {
    of_row(args.in<T>(0) + at, args.in<T>(1) + at, args.out<T>(0) + at, g, with, buffers);
  });
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}
Execution prepare_gradient(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_gradient_as<T>(problem); });
}

}  // namespace

const Engine kOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty, prepare};
const Engine kGradientOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty,
                             prepare_gradient};

}  // namespace voluta::local_response_norm
