// The gradients of batch normalisation on the CPU: one loop over rows for the two sums, one for dx,
// both vectorised along the channels. Each computes du itself, unless du is an output: then the
// first loop stores it and the second reads it.

#include <voluta/kernels/batch_norm/batch_norm_engines.h>
#include <voluta/kernels/batch_norm/batch_norm_openmp.h>
#include <voluta/kernels/common/problem_checks.h>

#include <cmath>

namespace voluta::batch_norm {
namespace {

// [channels] each: what all rows share.
struct Factors {
  const float *mean, *scale, *bias;  // scale = w / deviation; the bias for Through::kArgument alone
};

// du of a row, of channel c.
template <Through kThrough, class T, class F>
struct Du {
  const T *x, *dy, *kept;  // [rows, channels], of dy dy_stride apart
  int64_t channels, dy_stride;
  Factors of;
  F f;

  float operator()(int64_t row, int64_t c) const {
    // Read for every c: a load under a condition stays scalar.
    const auto gradient = static_cast<float>(dy[row * dy_stride + c]);
    if constexpr (kThrough == Through::kNothing) return gradient;
    if constexpr (kThrough == Through::kKept) {
      return f.through_kept(static_cast<float>(kept[row * channels + c]), gradient);
    }
    const auto argument = static_cast<float>(x[row * channels + c]);
    return f.through_argument(normalised(argument, of.mean[c], of.scale[c], of.bias[c]), gradient);
  }
  float deviation(int64_t row, int64_t c) const {
    return static_cast<float>(x[row * channels + c]) - of.mean[c];
  }
};

// g(Du) as the problem has it.
template <class T, class G>
void with_du(const GradientOperands<T, float>& at, int64_t channels, ActivationKind activation,
             const Factors& factors, G&& g) {
  const auto give = [&]<Through kThrough, class F>(F f) {
    g(Du<kThrough, T, F>{at.x, at.dy, at.kept, channels, at.dy_stride, factors, f});
  };
  if (activation == ActivationKind::kNone) {
    return give.template operator()<Through::kNothing>(Clamp{});
  }
  with_loop_activation(activation, [&]<class F>(F f) {
    if (at.kept != nullptr) {
      give.template operator()<Through::kKept>(f);
    } else {
      give.template operator()<Through::kArgument>(f);
    }
  });
}

// Of one run or all: sums of du and of du (x - mean).
struct Sums {
  float *du, *product;  // [channels]
};

template <int kRows, bool kStore, class T, class D>
void add_rows(const D& du, int64_t first, int64_t channels, T* stored, Sums to) {
#pragma omp simd
  for (int64_t c = 0; c < channels; ++c) {
    float sum = 0, product = 0;
    for (int row = 0; row < kRows; ++row) {
      const float gradient = du(first + row, c);
      if constexpr (kStore) stored[(first + row) * channels + c] = static_cast<T>(gradient);
      sum += gradient;
      product += gradient * du.deviation(first + row, c);
    }
    to.du[c] += sum;
    to.product[c] += product;
  }
}

// The sums over all rows, in the workspace [count, 2, channels] of the runs; du itself is stored
// where that is asked for.
template <bool kStore, class T, class D>
Sums all_sums(const D& du, T* stored, Extents size, const Runs& runs, float* workspace) {
  const int64_t channels = size.channels;
  const auto of_run = [&](int64_t run) -> Sums {
    float* const sums = workspace + 2 * run * channels;
    return {sums, sums + channels};
  };
#pragma omp parallel for if (size.rows * channels > kParallelElements)
  for (int64_t run = 0; run < runs.count; ++run) {
    const Sums own = of_run(run);
    std::fill_n(own.du, 2 * channels, 0.0f);
    int64_t row = runs.begin(run);
    for (; row + 4 <= runs.end(run); row += 4) {
      add_rows<4, kStore>(du, row, channels, stored, own);
    }
    for (; row < runs.end(run); ++row) {
      add_rows<1, kStore>(du, row, channels, stored, own);
    }
  }
  const Sums all = of_run(0);
  for (int64_t run = 1; run < runs.count; ++run) {
    const float* from = of_run(run).du;
#pragma omp simd
    for (int64_t c = 0; c < 2 * channels; ++c) all.du[c] += from[c];
  }
  return all;
}

// What a channel's dx is made of.
struct Slopes {
  const float *shift, *slope;  // [channels]; null in inference
};

// dx = scale (du - shift - (x - mean) slope), in inference scale du; dx may be dy or x.
template <bool kTraining, class T, class D>
void apply(const D& du, Extents size, Slopes with, T* dx) {
#pragma omp parallel for if (size.rows * size.channels > kParallelElements)
  for (int64_t row = 0; row < size.rows; ++row) {
#pragma omp simd
    for (int64_t c = 0; c < size.channels; ++c) {
      float through = du(row, c);
      if constexpr (kTraining) {
        through = through - with.shift[c] - du.deviation(row, c) * with.slope[c];
      }
      dx[row * size.channels + c] = static_cast<T>(du.of.scale[c] * through);
    }
  }
}

// From the sums to dw and db, and in training, in place, to the terms of dx. `inverse` are the
// inverse deviations, [channels].
template <bool kTraining, class T>
void finish(const GradientOperands<T, float>& at, Extents size, const float* inverse, Sums all) {
  const auto rows = static_cast<float>(size.rows);
  for (int64_t c = 0; c < size.channels; ++c) {
    at.dbias[c] = all.du[c];
    at.dweight[c] = all.product[c] * inverse[c];
    if constexpr (kTraining) {
      all.du[c] /= rows;
      all.product[c] = at.dweight[c] * inverse[c] / rows;
    }
  }
}

template <bool kTraining, class T>
void run(const GradientOperands<T, float>& at, Extents size, const Runs& runs,
         ActivationKind activation, const float* inverse, float* scale, float* workspace) {
  for (int64_t c = 0; c < size.channels; ++c) scale[c] = inverse[c] * at.weight[c];
  with_du(at, size.channels, activation, {at.mean, scale, at.bias}, [&](const auto& du) {
    const bool store = at.du != nullptr;
    const Sums sums =
        (store ? all_sums<true, T, std::decay_t<decltype(du)>>
               : all_sums<false, T, std::decay_t<decltype(du)>>)(du, at.du, size, runs, workspace);
    finish<kTraining>(at, size, inverse, sums);
    const Slopes slopes{sums.du, sums.product};
    if (store) {
      const Du<Through::kNothing, T, Clamp> stored{at.x,          at.du, nullptr, size.channels,
                                                   size.channels, du.of, {}};
      apply<kTraining>(stored, size, slopes, at.dx);
    } else {
      apply<kTraining>(du, size, slopes, at.dx);
    }
  });
}

// scale and inverse deviation, then the runs' sums.
std::size_t workspace_bytes(Extents size, const Runs& runs) {
  return static_cast<std::size_t>((2 * runs.count + 2) * size.channels) * sizeof(float);
}

template <class T>
Execution prepare_training_as(const Problem& problem) {
  const Extents size = extents(problem);
  const Runs runs(size.rows);
  const auto options = problem.options_as<BatchNormTrainingGradientOptions>();
  const int64_t stride = dy_stride(problem);
  return {.workspace_bytes = workspace_bytes(size, runs), .run = [=](const Args& args, Stream&) {
            const GradientOperands<T, float> at(args, options, stride);
            float* const scale = static_cast<float*>(args.workspace);  // [channels]
            run<true>(at, size, runs, options.activation, at.spread, scale,
                      scale + 2 * size.channels);
          }};
}

template <class T>
Execution prepare_inference_as(const Problem& problem) {
  const Extents size = extents(problem);
  const Runs runs(size.rows);
  const auto options = problem.options_as<BatchNormInferenceGradientOptions>();
  const auto epsilon = static_cast<float>(options.epsilon);
  const int64_t stride = dy_stride(problem);
  return {.workspace_bytes = workspace_bytes(size, runs), .run = [=](const Args& args, Stream&) {
            const GradientOperands<T, float> at(args, options, stride);
            float* const scale = static_cast<float*>(args.workspace);  // [channels]
            float* const inverse = scale + size.channels;              // [channels]
            for (int64_t c = 0; c < size.channels; ++c) {
              inverse[c] = 1 / std::sqrt(at.spread[c] + epsilon);
            }
            run<false>(at, size, runs, options.activation, inverse, scale, inverse + size.channels);
          }};
}

Support supports(const Problem& problem) {
  const Support support = supports_no_sums(problem);
  return support.ok ? supports_nonempty(problem) : support;
}

Execution prepare_training(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_training_as<T>(problem); });
}
Execution prepare_inference(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_inference_as<T>(problem); });
}

}  // namespace

const Engine kTrainingGradientOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports,
                                     prepare_training};
const Engine kInferenceGradientOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct,
                                      supports_nonempty, prepare_inference};

}  // namespace voluta::batch_norm
