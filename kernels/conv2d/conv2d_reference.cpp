// The judge: plain loops, f64 accumulation in the order the formulas of conv2d.h are written, any
// floating storage. Outputs are independent of each other, so the outermost loop may run in
// parallel without changing a bit.

#include <voluta/kernels/common/normalised.h>
#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/conv2d/conv2d_geometry.h>
#include <voluta/kernels/conv2d/conv2d_sum_parts.h>

#include <algorithm>
#include <type_traits>
#include <vector>

namespace voluta {
namespace {

// Element offsets in x[N,H,W,C], y[N,P,Q,K] and w[K,R,S,C/G].
int64_t x_at(const Conv2dGeometry& g, int64_t n, int64_t h, int64_t w, int64_t c) {
  return ((n * g.h + h) * g.w + w) * g.c + c;
}
int64_t y_at(const Conv2dGeometry& g, int64_t n, int64_t p, int64_t q, int64_t k) {
  return ((n * g.p + p) * g.q + q) * g.k + k;
}
int64_t w_at(const Conv2dGeometry& g, int64_t k, int64_t r, int64_t s, int64_t c) {
  return ((k * g.r + r) * g.s + s) * g.group_c + c;
}

// x, or xhat of a prologue, as a number.
template <class T>
class Pixels {
  using Statistic = std::conditional_t<std::is_same_v<T, double>, double, float>;

 public:
  Pixels(const Problem& problem)
      : prologue_(conv2d_options(problem).prologue),
        f_(Clamp(prologue_.activation)),
        input_(conv2d_normaliser(problem)),
        channels_(conv2d_geometry(problem).c) {}

  Pixels at(const Args& args) const {
    Pixels bound = *this;
    bound.x_ = args.in<T>(0);
    if (prologue_.normalise) bound.normaliser_ = args.in<Statistic>(input_);
    return bound;
  }

  double operator[](int64_t i) const {
    if (normaliser_ == nullptr) return to_double(x_[i]);
    const NormaliserChannel<Statistic> channel(normaliser_, channels_, i % channels_);
    return to_double(channel(f_, x_[i]));
  }

 private:
  Prologue prologue_;
  Clamp f_;
  std::size_t input_;
  int64_t channels_;
  const T* x_ = nullptr;
  const Statistic* normaliser_ = nullptr;
};

template <class T>
double forward_at(const Conv2dGeometry& g, const Pixels<T>& x, const T* filter, int64_t n,
                  int64_t p, int64_t q, int64_t k) {
  const int64_t first_c = k / g.group_k * g.group_c;
  double sum = 0;
  for (int64_t r = 0; r < g.r; ++r) {
    const int64_t h = g.input_row(p, r);
    if (h < 0 || h >= g.h) continue;
    for (int64_t s = 0; s < g.s; ++s) {
      const int64_t w = g.input_column(q, s);
      if (w < 0 || w >= g.w) continue;
      for (int64_t c = 0; c < g.group_c; ++c) {
        sum += x[x_at(g, n, h, w, first_c + c)] * to_double(filter[w_at(g, k, r, s, c)]);
      }
    }
  }
  return sum;
}

template <class T>
double input_gradient_at(const Conv2dGeometry& g, const T* dy, const T* filter, int64_t n,
                         int64_t h, int64_t w, int64_t c) {
  const int64_t group = c / g.group_c, first_k = group * g.group_k;
  double sum = 0;
  for (int64_t r = 0; r < g.r; ++r) {
    const int64_t p = g.output_row(h, r);
    if (p < 0) continue;
    for (int64_t s = 0; s < g.s; ++s) {
      const int64_t q = g.output_column(w, s);
      if (q < 0) continue;
      for (int64_t k = first_k; k < first_k + g.group_k; ++k) {
        sum += to_double(dy[y_at(g, n, p, q, k)]) *
               to_double(filter[w_at(g, k, r, s, c - group * g.group_c)]);
      }
    }
  }
  return sum;
}

template <class T>
double filter_gradient_at(const Conv2dGeometry& g, const Pixels<T>& x, const T* dy, int64_t k,
                          int64_t r, int64_t s, int64_t c) {
  const int64_t channel = k / g.group_k * g.group_c + c;
  double sum = 0;
  for (int64_t n = 0; n < g.n; ++n) {
    for (int64_t p = 0; p < g.p; ++p) {
      const int64_t h = g.input_row(p, r);
      if (h < 0 || h >= g.h) continue;
      for (int64_t q = 0; q < g.q; ++q) {
        const int64_t w = g.input_column(q, s);
        if (w < 0 || w >= g.w) continue;
        sum += to_double(dy[y_at(g, n, p, q, k)]) * x[x_at(g, n, h, w, channel)];
      }
    }
  }
  return sum;
}

// Calls f(i0, i1, i2, i3, flat index) for each element of a dense [e0,e1,e2,e3].
template <class F>
void for_each_element(int64_t e0, int64_t e1, int64_t e2, int64_t e3, const F& f) {
#pragma omp parallel for schedule(static) collapse(2)
  for (int64_t i0 = 0; i0 < e0; ++i0) {
    for (int64_t i1 = 0; i1 < e1; ++i1) {
      for (int64_t i2 = 0; i2 < e2; ++i2) {
        for (int64_t i3 = 0; i3 < e3; ++i3) f(i0, i1, i2, i3, ((i0 * e1 + i1) * e2 + i2) * e3 + i3);
      }
    }
  }
}

// Calls f(row in the phase, pixel of [N,H,W]) for the pixels of each phase of the stride.
template <class F>
void for_each_phase_pixel(const Conv2dGeometry& g, const F& f) {
  for (int64_t a = 0; a < std::min(g.u, g.h); ++a) {
    for (int64_t b = 0; b < std::min(g.v, g.w); ++b) {
      int64_t row = 0;
      for (int64_t n = 0; n < g.n; ++n) {
        for (int64_t h = a; h < g.h; h += g.u) {
          for (int64_t w = b; w < g.w; w += g.v) f(row++, (n * g.h + h) * g.w + w);
        }
      }
    }
  }
}

Support supports_any(const Problem&) {
  return Support::yes();
}

// Of y [rows, channels], part by part.
template <class T, class Statistic>
void write_moments(const T* y, int64_t rows, int64_t channels, Statistic* out) {
  for (int64_t first = 0; first < rows; first += kMomentRows) {
    const int64_t end = std::min(first + kMomentRows, rows);
    Statistic *means = out + first / kMomentRows * 2 * channels, *squares = means + channels;
    for (int64_t k = 0; k < channels; ++k) {
      double mean = 0, sum = 0;
      for (int64_t row = first; row < end; ++row) mean += to_double(y[row * channels + k]);
      mean /= static_cast<double>(end - first);
      for (int64_t row = first; row < end; ++row) {
        const double deviation = to_double(y[row * channels + k]) - mean;
        sum += deviation * deviation;
      }
      means[k] = static_cast<Statistic>(mean);
      squares[k] = static_cast<Statistic>(sum);
    }
  }
}

// What du is computed of: the last inputs of a problem with sums.
template <class T, class Statistic>
struct NormInputs {
  const T* z;                                                              // [N,H,W,C]
  const Statistic* mean;                                                   // [C]
  const Statistic *weight = nullptr, *inverse = nullptr, *bias = nullptr;  // [C], of an activation
  ActivationKind activation;

  // z is input `first`.
  NormInputs(const Args& args, std::size_t first, ActivationKind kind)
      : z(args.in<T>(first)), mean(args.in<Statistic>(first + 1)), activation(kind) {
    if (kind == ActivationKind::kNone) return;
    weight = args.in<Statistic>(first + 2);
    inverse = args.in<Statistic>(first + 3);
    bias = args.in<Statistic>(first + 4);
  }

  double deviation(int64_t at, int64_t c) const { return to_double(z[at]) - mean[c]; }
  double through(int64_t at, int64_t c, double dx) const {
    if (activation == ActivationKind::kNone) return dx;
    const double u = deviation(at, c) * inverse[c] * weight[c] + bias[c];
    const bool reads_input = gradient_reads_input({.kind = activation});
    return activate_gradient(activation, reads_input ? u : activate(activation, u), dx);
  }
};

// Of dx [N,H,W,C]: Note [Sums for the gradient in front].
template <class T, class Statistic>
void write_sums(const Conv2dGeometry& g, const T* dx, const NormInputs<T, Statistic>& norm,
                Statistic* out) {
  std::vector<double> sums(static_cast<std::size_t>(SumParts<int64_t>(g).count() * 2 * g.c));
  int64_t part = -1;
  for_each_phase_pixel(g, [&](int64_t row, int64_t pixel) {
    if (row % kSumRows == 0) ++part;
    for (int64_t c = 0; c < g.c; ++c) {
      const double du = norm.through(pixel * g.c + c, c, to_double(dx[pixel * g.c + c]));
      double* const sum = &sums[static_cast<std::size_t>(part * 2 * g.c + c)];
      sum[0] += du;
      sum[g.c] += du * norm.deviation(pixel * g.c + c, c);
    }
  });
  for (std::size_t i = 0; i < sums.size(); ++i) out[i] = static_cast<Statistic>(sums[i]);
}

Execution prepare_forward(const Problem& problem) {
  using Inputs = Conv2dEpilogueInputs;
  const Conv2dGeometry g = conv2d_geometry(problem);
  const ActivationKind activation = conv2d_options(problem).activation;
  const Inputs of = conv2d_epilogue_inputs(problem);
  const bool moments = conv2d_options(problem).moments;
  return dispatch_floating(problem.outputs[0].dtype, [&]<class T>() -> Execution {
    using Statistic = std::conditional_t<std::is_same_v<T, double>, double, float>;
    return {0, [=, pixels = Pixels<T>(problem)](const Args& args, Stream&) {
              const Pixels<T> x = pixels.at(args);
              const T* w = args.in<T>(1);
              const T *bias = Inputs::address<T>(args, of.bias),
                      *residual = Inputs::address<T>(args, of.residual);
              const auto *scale = Inputs::address<Statistic>(args, of.scale),
                         *shift = Inputs::address<Statistic>(args, of.shift);
              T* y = args.out<T>(0);
              for_each_element(g.n, g.p, g.q, g.k,
                               [&](int64_t n, int64_t p, int64_t q, int64_t k, int64_t at) {
                                 double sum = forward_at(g, x, w, n, p, q, k);
                                 if (bias) sum += to_double(bias[k]);
                                 if (scale) sum = sum * scale[k] + shift[k];
                                 if (residual) sum += to_double(residual[at]);
                                 y[at] = from_double<T>(activate(activation, sum));
                               });
              if (moments) write_moments(y, g.n * g.p * g.q, g.k, args.out<Statistic>(1));
            }};
  });
}

Execution prepare_input_gradient(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const auto options = problem.options_as<Conv2dInputGradientOptions>();
  const Conv2dEpilogueInputs of = conv2d_epilogue_inputs(problem);
  const std::size_t norm = conv2d_norm_in_front(options);
  return dispatch_floating(problem.outputs[0].dtype, [&]<class T>() -> Execution {
    using Statistic = std::conditional_t<std::is_same_v<T, double>, double, float>;
    return {0, [=](const Args& args, Stream&) {
              const T *dy = args.in<T>(0), *filter = args.in<T>(1);
              const T *residual = of.address<T>(args, of.residual),
                      *kept = of.address<T>(args, of.kept);
              T* dx = args.out<T>(0);
              for_each_element(g.n, g.h, g.w, g.c,
                               [&](int64_t n, int64_t h, int64_t w, int64_t c, int64_t at) {
                                 double sum = input_gradient_at(g, dy, filter, n, h, w, c);
                                 if (residual) sum += to_double(residual[at]);
                                 if (kept)
                                   sum = activate_gradient(options.gate, to_double(kept[at]), sum);
                                 dx[at] = from_double<T>(sum);
                               });
              if (!options.sums) return;
              write_sums(g, dx, NormInputs<T, Statistic>(args, norm, options.activation),
                         args.out<Statistic>(1));
            }};
  });
}

Execution prepare_filter_gradient(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  return dispatch_floating(problem.outputs[0].dtype, [&]<class T>() -> Execution {
    return {0, [=, pixels = Pixels<T>(problem)](const Args& args, Stream&) {
              const Pixels<T> x = pixels.at(args);
              const T* dy = args.in<T>(1);
              T* dw = args.out<T>(0);
              for_each_element(g.k, g.r, g.s, g.group_c,
                               [&](int64_t k, int64_t r, int64_t s, int64_t c, int64_t at) {
                                 dw[at] = from_double<T>(filter_gradient_at(g, x, dy, k, r, s, c));
                               });
            }};
  });
}

}  // namespace

const Engine kConv2dReference = {"reference", DeviceType::kCpu, EngineRole::kReference,
                                 supports_any, prepare_forward};
const Engine kConv2dInputGradientReference = {"reference", DeviceType::kCpu, EngineRole::kReference,
                                              supports_any, prepare_input_gradient};
const Engine kConv2dFilterGradientReference = {
    "reference", DeviceType::kCpu, EngineRole::kReference, supports_any, prepare_filter_gradient};

}  // namespace voluta
