// The gradients of batch normalisation on the CPU: one loop over rows for the two sums, one for dx,
// both vectorised along the channels.

#include <voluta/kernels/batch_norm/batch_norm_engines.h>
#include <voluta/kernels/batch_norm/batch_norm_openmp.h>
#include <voluta/kernels/common/problem_checks.h>

#include <cmath>

namespace voluta::batch_norm {
namespace {

// Of one run or all: sums of dy and of dy (x - mean).
struct Sums {
  float *dy, *product;  // [channels]
};

template <int kRows>
void add_rows(const float* x, const float* dy /* both [kRows, channels] */, const float* mean,
              int64_t channels, Sums to) {
#pragma omp simd
  for (int64_t c = 0; c < channels; ++c) {
    float sum = 0, product = 0;
    for (int row = 0; row < kRows; ++row) {
      const float gradient = dy[row * channels + c];
      sum += gradient;
      product += gradient * (x[row * channels + c] - mean[c]);
    }
    to.dy[c] += sum;
    to.product[c] += product;
  }
}

// The sums over all rows, in the workspace [count, 2, channels] of the runs.
Sums all_sums(const GradientOperands<float, float>& at, Extents size, const Runs& runs,
              float* workspace) {
  const int64_t channels = size.channels;
  const auto of_run = [&](int64_t run) -> Sums {
    float* const dy = workspace + 2 * run * channels;
    return {dy, dy + channels};
  };
#pragma omp parallel for if (size.rows * channels > kParallelElements)
  for (int64_t run = 0; run < runs.count; ++run) {
    const Sums own = of_run(run);
    std::fill_n(own.dy, 2 * channels, 0.0f);
    int64_t row = runs.begin(run);
    for (; row + 4 <= runs.end(run); row += 4) {
      add_rows<4>(at.x + row * channels, at.dy + row * channels, at.mean, channels, own);
    }
    for (; row < runs.end(run); ++row) {
      add_rows<1>(at.x + row * channels, at.dy + row * channels, at.mean, channels, own);
    }
  }
  const Sums all = of_run(0);
  for (int64_t run = 1; run < runs.count; ++run) {
    const float* from = of_run(run).dy;
#pragma omp simd
    for (int64_t c = 0; c < 2 * channels; ++c) all.dy[c] += from[c];
  }
  return all;
}

// dx = scale (dy - shift - (x - mean) slope); dx may be dy.
void through_statistics(const GradientOperands<float, float>& at, Extents size, const float* scale,
                        const float* shift, const float* slope) {
#pragma omp parallel for if (size.rows * size.channels > kParallelElements)
  for (int64_t row = 0; row < size.rows; ++row) {
    const float *x = at.x + row * size.channels, *dy = at.dy + row * size.channels;
    const float* mean = at.mean;
    float* dx = at.dx + row * size.channels;
#pragma omp simd
    for (int64_t c = 0; c < size.channels; ++c) {
      dx[c] = scale[c] * (dy[c] - shift[c] - (x[c] - mean[c]) * slope[c]);
    }
  }
}

// dx = scale dy; dx may be dy.
void scale_rows(const GradientOperands<float, float>& at, Extents size, const float* scale) {
#pragma omp parallel for if (size.rows * size.channels > kParallelElements)
  for (int64_t row = 0; row < size.rows; ++row) {
    const float* dy = at.dy + row * size.channels;
    float* dx = at.dx + row * size.channels;
#pragma omp simd
    for (int64_t c = 0; c < size.channels; ++c) dx[c] = scale[c] * dy[c];
  }
}

std::size_t workspace_bytes(Extents size, const Runs& runs) {
  return static_cast<std::size_t>((2 * runs.count + 1) * size.channels) * sizeof(float);
}

Execution prepare_training(const Problem& problem) {
  const Extents size = extents(problem);
  const Runs runs(size.rows);
  return {.workspace_bytes = workspace_bytes(size, runs), .run = [=](const Args& args, Stream&) {
            const GradientOperands<float, float> at(args);
            float* const scale = static_cast<float*>(args.workspace);  // [channels]
            const Sums sums = all_sums(at, size, runs, scale + size.channels);
            const auto rows = static_cast<float>(size.rows);
            for (int64_t c = 0; c < size.channels; ++c) {
              at.dbias[c] = sums.dy[c];
              at.dweight[c] = sums.product[c] * at.spread[c];
              scale[c] = at.weight[c] * at.spread[c];
              sums.dy[c] /= rows;
              sums.product[c] = at.dweight[c] * at.spread[c] / rows;
            }
            through_statistics(at, size, scale, sums.dy, sums.product);
          }};
}

Execution prepare_inference(const Problem& problem) {
  const auto epsilon = static_cast<float>(problem.options_as<BatchNormInferenceOptions>().epsilon);
  const Extents size = extents(problem);
  const Runs runs(size.rows);
  return {.workspace_bytes = workspace_bytes(size, runs), .run = [=](const Args& args, Stream&) {
            const GradientOperands<float, float> at(args);
            float* const scale = static_cast<float*>(args.workspace);  // [channels]
            const Sums sums = all_sums(at, size, runs, scale + size.channels);
            for (int64_t c = 0; c < size.channels; ++c) {
              const float inverse = 1 / std::sqrt(at.spread[c] + epsilon);
              at.dbias[c] = sums.dy[c];
              at.dweight[c] = sums.product[c] * inverse;
              scale[c] = at.weight[c] * inverse;
            }
            scale_rows(at, size, scale);
          }};
}

}  // namespace

const Engine kTrainingGradientOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct,
                                     supports_nonempty_f32, prepare_training};
const Engine kInferenceGradientOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct,
                                      supports_nonempty_f32, prepare_inference};

}  // namespace voluta::batch_norm
