// batch normalisation on the CPU: loops over rows that vectorise along the channels. x is read
// twice, the least there is: for the statistics and to be normalised.
//
// Statistics of 8 rows at a time come from two passes over these rows, which are in the cache by
// then; they join those of the run, and runs join each other, as in Chan, Golub and LeVeque 1979,
// "Updating formulae and a pairwise algorithm for computing sample variances":
//   d = mean_b - mean_a    mean = mean_a + d k / (n + k)    M = M_a + M_b + d^2 n k / (n + k)
// for n rows with mean_a and sum of squared deviations M_a, and k rows with mean_b and M_b.

#include <voluta/kernels/batch_norm/batch_norm_engines.h>
#include <voluta/kernels/batch_norm/batch_norm_openmp.h>
#include <voluta/kernels/common/problem_checks.h>

#include <cmath>

namespace voluta::batch_norm {
namespace {

// Statistics of the channels over `rows` rows.
struct Moments {
  int64_t rows;
  float *mean, *deviations;  // [channels], the latter the sum of squares of x - mean
};

// The factors of Chan's formulae that n and k rows give.
struct Joining {
  float weight, scale;
  Joining(int64_t n, int64_t k)
      : weight(static_cast<float>(static_cast<double>(k) / static_cast<double>(n + k))),
        scale(static_cast<float>(static_cast<double>(n) * static_cast<double>(k) /
                                 static_cast<double>(n + k))) {}
};

template <int kRows, class T>
void add_rows(const T* x /* [kRows, channels] */, int64_t channels, Moments& to) {
  const Joining join(to.rows, kRows);
  float *mean = to.mean, *deviations = to.deviations;
#pragma omp simd
  for (int64_t c = 0; c < channels; ++c) {
    float sum = 0, squares = 0;
    for (int row = 0; row < kRows; ++row) sum += static_cast<float>(x[row * channels + c]);
    const float own = sum * (1.0f / kRows);
    for (int row = 0; row < kRows; ++row) {
      const float d = static_cast<float>(x[row * channels + c]) - own;
      squares += d * d;
    }
    const float d = own - mean[c];
    mean[c] += d * join.weight;
    deviations[c] += squares + d * (d * join.scale);
  }
  to.rows += kRows;
}

// from: means and sums of squared deviations over `rows` rows, [2, channels].
void join_runs(int64_t rows, const float* from, int64_t channels, Moments& to) {
  const Joining join(to.rows, rows);
#pragma omp simd
  for (int64_t c = 0; c < channels; ++c) {
    const float d = from[c] - to.mean[c];
    to.mean[c] += d * join.weight;
    to.deviations[c] += from[channels + c] + d * (d * join.scale);
  }
  to.rows += rows;
}

// The moments of all rows of x, in the workspace [count, 2, channels] of the runs.
template <class T>
Moments all_moments(const T* x, Extents size, const Runs& runs, float* workspace) {
  const int64_t channels = size.channels;
  const auto of_run = [&](int64_t run, int64_t rows) -> Moments {
    float* const mean = workspace + 2 * run * channels;
    return {rows, mean, mean + channels};
  };
#pragma omp parallel for if (size.rows * channels > kParallelElements)
  for (int64_t run = 0; run < runs.count; ++run) {
    Moments own = of_run(run, 0);
    std::fill_n(own.mean, 2 * channels, 0.0f);
    int64_t row = runs.begin(run);
    for (; row + 8 <= runs.end(run); row += 8) add_rows<8>(x + row * channels, channels, own);
    for (; row < runs.end(run); ++row) add_rows<1>(x + row * channels, channels, own);
  }
  Moments all = of_run(0, runs.end(0));
  for (int64_t run = 1; run < runs.count; ++run) {
    join_runs(runs.end(run) - runs.begin(run), of_run(run, 0).mean, channels, all);
  }
  return all;
}

// The same from given ones of parts, [parts, 2, channels].
Moments joined_moments(const float* moments, Extents size, float* workspace) {
  const int64_t channels = size.channels;
  const Runs runs((size.rows + kMomentsRows - 1) / kMomentsRows);
  const auto of_run = [&](int64_t run, int64_t rows) -> Moments {
    float* const mean = workspace + 2 * run * channels;
    return {rows, mean, mean + channels};
  };
  const auto first_row = [&](int64_t part) { return std::min(size.rows, part * kMomentsRows); };
  for (int64_t run = 0; run < runs.count; ++run) {
    Moments own = of_run(run, 0);
    std::fill_n(own.mean, 2 * channels, 0.0f);
    for (int64_t part = runs.begin(run); part < runs.end(run); ++part) {
      join_runs(first_row(part + 1) - first_row(part), moments + 2 * part * channels, channels,
                own);
    }
  }
  Moments all = of_run(0, first_row(runs.end(0)));
  for (int64_t run = 1; run < runs.count; ++run) {
    join_runs(first_row(runs.end(run)) - first_row(runs.begin(run)), of_run(run, 0).mean, channels,
              all);
  }
  return all;
}

// [rows, channels] each.
template <class T>
struct Matrices {
  const T *x, *residual;  // the latter may be null
  T* y;
};

template <bool kResidual, class T, class F>
void normalise_rows(const Matrices<T>& at, Extents size, const float* mean, const float* scale,
                    const float* bias, F f) {
#pragma omp parallel for if (size.rows * size.channels > kParallelElements)
  for (int64_t row = 0; row < size.rows; ++row) {
    const int64_t first = row * size.channels;
    const T *x = at.x + first, *residual = kResidual ? at.residual + first : nullptr;
    T* y = at.y + first;
#pragma omp simd
    for (int64_t c = 0; c < size.channels; ++c) {
      const float u = normalised(static_cast<float>(x[c]), mean[c], scale[c], bias[c]);
      if constexpr (kResidual) {
        y[c] = static_cast<T>(f(u + static_cast<float>(residual[c])));
      } else {
        y[c] = static_cast<T>(f(u));
      }
    }
  }
}

// y = f((x - mean) * scale + bias + residual); y may be x or the residual.
template <class T>
void normalise(const Matrices<T>& at, Extents size, const float* mean, const float* scale,
               const float* bias, ActivationKind activation) {
  with_loop_activation(activation, [&]<class F>(F f) {
    (at.residual != nullptr ? normalise_rows<true, T, F>
                            : normalise_rows<false, T, F>)(at, size, mean, scale, bias, f);
  });
}

template <class T>
Execution prepare_training_as(const Problem& problem) {
  const BatchNormOptions options = problem.options_as<BatchNormOptions>();
  const Extents size = extents(problem);
  const Runs runs(size.rows);
  const auto rows = static_cast<float>(size.rows);
  const auto epsilon = static_cast<float>(options.epsilon);
  const auto momentum = static_cast<float>(options.momentum);
  const auto keep = static_cast<float>(1 - options.momentum);
  return {
      .workspace_bytes = static_cast<std::size_t>(2 * runs.count * size.channels) * sizeof(float),
      .run = [=](const Args& args, Stream&) {
        const TrainingOperands<T, float> at(args, options);
        float* const workspace = static_cast<float*>(args.workspace);
        const Moments batch = options.moments ? joined_moments(at.moments, size, workspace)
                                              : all_moments(at.x, size, runs, workspace);
        float* const scale = batch.deviations;  // [channels], in their place
        for (int64_t c = 0; c < size.channels; ++c) {
          const float squares = batch.deviations[c];
          at.mean[c] = batch.mean[c];
          at.inverse_deviation[c] = 1 / std::sqrt(squares / rows + epsilon);
          at.new_mean[c] = keep * at.running_mean[c] + momentum * batch.mean[c];
          at.new_var[c] = keep * at.running_var[c] + momentum * (squares / (rows - 1));
          scale[c] = at.inverse_deviation[c] * at.weight[c];
        }
        *at.new_batches = *at.batches + 1;
        if (options.deferred) {
          std::copy_n(at.mean, size.channels, at.normaliser);
          std::copy_n(scale, size.channels, at.normaliser + size.channels);
          std::copy_n(at.bias, size.channels, at.normaliser + 2 * size.channels);
          return;
        }
        normalise<T>({at.x, at.residual, at.y}, size, at.mean, scale, at.bias, options.activation);
      }};
}

template <class T>
Execution prepare_inference_as(const Problem& problem) {
  const BatchNormInferenceOptions options = problem.options_as<BatchNormInferenceOptions>();
  const auto epsilon = static_cast<float>(options.epsilon);
  const Extents size = extents(problem);
  return {
      .workspace_bytes = static_cast<std::size_t>(size.channels) * sizeof(float),
      .run = [=](const Args& args, Stream&) {
        const InferenceOperands<T, float> at(args, options);
        float* const scale = static_cast<float*>(args.workspace);  // [channels]
        for (int64_t c = 0; c < size.channels; ++c) {
          scale[c] = 1 / std::sqrt(at.variance[c] + epsilon) * at.weight[c];
        }
        normalise<T>({at.x, at.residual, at.y}, size, at.mean, scale, at.bias, options.activation);
      }};
}

Execution prepare_training(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_training_as<T>(problem); });
}
Execution prepare_inference(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_inference_as<T>(problem); });
}

}  // namespace

const Engine kTrainingOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty,
                             prepare_training};
const Engine kInferenceOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty,
                              prepare_inference};

}  // namespace voluta::batch_norm
