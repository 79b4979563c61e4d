// batch_norm_training_gradient and batch_norm_inference_gradient, algorithm "two_pass_reduction":
// blocks sum runs of rows, a second kernel sums the runs and writes dw and db, a third dx. The
// number of runs depends on the extents alone, so the order of the sums is fixed.
//   db = sum_r dy      dw = s sum_r dy (x - m)      dx = w s (dy - db / R - (x - m) s dw / R)
//   In inference m and s are constants: dx = w s dy.
//   grid   sums    (tiles of columns, runs; 528 at most)    block 256   smem 8 KiB   regs 46
//          finish  (ceil(C / 8))                            block 256   smem 2 KiB   regs 20
//          apply   (tiles of columns, rows / 4 a thread)    block 256   smem 0       regs 66
//          (sm_90a)
//   maps   channel_tiles.cuh; where C % 4 == 0 a thread owns four channels, else one
//   limits f32, fewer than 2^31 elements
//   bound  memory: 20 bytes an element
//   measured never run on hardware

#include <voluta/kernels/batch_norm/batch_norm_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/batch_norm/batch_norm_normalise.cuh>
#include <voluta/kernels/common/reduction.cuh>

namespace voluta::batch_norm {
namespace {

using Operands = GradientOperands<float, float>;

constexpr int64_t kRowsAThread = 8;   // at least, where there are as many
constexpr int64_t kMostBlocks = 528;  // four an SM on 132 SMs
constexpr int64_t kFinishWidth = 8;   // channels a block of the second kernel

// Of kWidth channels: sums of dy and of dy (x - m).
template <int kWidth>
struct Sums {
  float dy[kWidth], product[kWidth];
};

template <int kWidth>
__device__ void join(Sums<kWidth>& to, const Sums<kWidth>& other) {
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) {
    to.dy[lane] += other.dy[lane];
    to.product[lane] += other.product[lane];
  }
}

template <int kWidth>
__global__ void __launch_bounds__(kTileBlock)
    batch_norm_gradient_sums(const float* x, const float* dy /* both [rows, groups * kWidth] */,
                             const float* mean /* [groups * kWidth] */,
                             float* partial /* [runs, 2, groups * kWidth] */, int64_t rows,
                             unsigned groups, unsigned width) {
  VOLUTA_SHARED(Sums<kWidth>[kTileBlock], parts);
  const TileThread my(groups, width);
  const int64_t end = run_begin(rows, blockIdx.y + 1, gridDim.y);
  int64_t row = run_begin(rows, blockIdx.y, gridDim.y) + my.row;
  Sums<kWidth> own{};
  if (my.active) {
    const Floats<kWidth> m = load<kWidth>(mean, my.group);
#pragma unroll 4
    for (; row < end; row += my.rows_at_once) {
      const Floats<kWidth> gradient = load<kWidth>(dy, row * groups + my.group);
      const Floats<kWidth> value = load<kWidth>(x, row * groups + my.group);
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) {
        own.dy[lane] += gradient.lane[lane];
        own.product[lane] =
            fmaf(gradient.lane[lane], value.lane[lane] - m.lane[lane], own.product[lane]);
      }
    }
  }
  parts[threadIdx.x] = own;
  block_join_rows(parts, my.rows_at_once, width, join<kWidth>);
  if (!my.active || my.row != 0) return;
  Floats<kWidth> sum, product;
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) {
    sum.lane[lane] = parts[threadIdx.x].dy[lane];
    product.lane[lane] = parts[threadIdx.x].product[lane];
  }
  const int64_t first = static_cast<int64_t>(blockIdx.y) * 2 * groups;
  store<kWidth>(partial, first + my.group, sum);
  store<kWidth>(partial, first + groups + my.group, product);
}

// Adds up the runs and writes dw and db.
template <bool kFromVariance>
__global__ void __launch_bounds__(kTileBlock)
    batch_norm_gradient_finish(const float* partial /* [runs, 2, channels] */, Operands at,
                               unsigned runs, unsigned channels, unsigned width, float epsilon) {
  VOLUTA_SHARED(Sums<1>[kTileBlock], parts);
  const TileThread my(channels, width);
  Sums<1> own{};
  for (unsigned run = my.row; my.active && run < runs; run += my.rows_at_once) {
    const int64_t sum = static_cast<int64_t>(run) * 2 * channels + my.group;
    join(own, Sums<1>{{partial[sum]}, {partial[sum + channels]}});
  }
  parts[threadIdx.x] = own;
  block_join_rows(parts, my.rows_at_once, width, join<1>);
  if (!my.active || my.row != 0) return;
  const auto inverse = inverse_deviations<1, kFromVariance>(at.spread, my.group, epsilon);
  at.dbias[my.group] = parts[threadIdx.x].dy[0];
  at.dweight[my.group] = parts[threadIdx.x].product[0] * inverse.lane[0];
}

// dx = scale (dy - shift - (x - mean) slope), in inference with shift = slope = 0; dx may be dy.
template <int kWidth, bool kFromVariance>
__global__ void __launch_bounds__(kTileBlock)
    batch_norm_gradient_apply(Operands at, int64_t rows, unsigned groups, unsigned width,
                              float epsilon) {
  const TileThread my(groups, width);
  if (!my.active) return;
  Floats<kWidth> scale = load<kWidth>(at.weight, my.group);
  const auto inverse = inverse_deviations<kWidth, kFromVariance>(at.spread, my.group, epsilon);
  Floats<kWidth> mean{}, shift{}, slope{};
  if constexpr (!kFromVariance) {
    mean = load<kWidth>(at.mean, my.group);
    shift = load<kWidth>(at.dbias, my.group);
    slope = load<kWidth>(at.dweight, my.group);
  }
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) {
    scale.lane[lane] *= inverse.lane[lane];
    shift.lane[lane] /= static_cast<float>(rows);
    slope.lane[lane] *= inverse.lane[lane] / static_cast<float>(rows);
  }
  const int64_t step = static_cast<int64_t>(gridDim.y) * my.rows_at_once;
  int64_t row = static_cast<int64_t>(blockIdx.y) * my.rows_at_once + my.row;
  for (; row < rows; row += kRowsInFlight * step) {
    Floats<kWidth> gradient[kRowsInFlight], value[kRowsInFlight];
#pragma unroll
    for (int i = 0; i < kRowsInFlight; ++i) {
      const int64_t item = (row + i * step) * groups + my.group;
      if (row + i * step >= rows) break;
      gradient[i] = load<kWidth>(at.dy, item);
      if constexpr (!kFromVariance) value[i] = load<kWidth>(at.x, item);
    }
#pragma unroll
    for (int i = 0; i < kRowsInFlight; ++i) {
      if (row + i * step >= rows) break;
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) {
        float through = gradient[i].lane[lane];
        if constexpr (!kFromVariance) {
          const float d = value[i].lane[lane] - mean.lane[lane];
          through = fmaf(-d, slope.lane[lane], through - shift.lane[lane]);
        }
        gradient[i].lane[lane] = scale.lane[lane] * through;
      }
      store<kWidth>(at.dx, (row + i * step) * groups + my.group, gradient[i]);
    }
  }
}

template <int kWidth, bool kFromVariance>
void run(Stream& stream, const Operands& at, float* partial, Extents size, float epsilon) {
  const ChannelTiles tiles(size.channels, kWidth), last(size.channels, 1, kFinishWidth);
  const LaunchShape shape = tiles.shape(size.rows, kRowsAThread, kMostBlocks);
  launch(stream, "batch_norm_gradient_sums", shape, batch_norm_gradient_sums<kWidth>, at.x, at.dy,
         at.mean, partial, size.rows, tiles.groups, tiles.width);
  launch(stream, "batch_norm_gradient_finish", last.shape(1, 1, last.tiles),
         batch_norm_gradient_finish<kFromVariance>, partial, at, shape.grid[1], last.groups,
         last.width, epsilon);
  launch(stream, "batch_norm_gradient_apply",
         tiles.shape(size.rows, kRowsInFlight, kElementwiseBlocks),
         batch_norm_gradient_apply<kWidth, kFromVariance>, at, size.rows, tiles.groups, tiles.width,
         epsilon);
}

template <bool kFromVariance>
Execution prepare(const Problem& problem) {
  const Extents size = extents(problem);
  float epsilon = 0;
  if constexpr (kFromVariance) {
    epsilon = static_cast<float>(problem.options_as<BatchNormInferenceOptions>().epsilon);
  }
  return {
      .workspace_bytes =
          static_cast<std::size_t>(
              2 * most_runs(size.rows, size.channels, kRowsAThread, kMostBlocks) * size.channels) *
          sizeof(float),
      .run = [=](const Args& args, Stream& stream) {
        const Operands at(args);
        const bool grouped =
            size.channels % 4 == 0 &&
            aligned16(at.x, at.dy, at.dx, at.weight, at.mean, at.spread, at.dweight, at.dbias);
        (grouped ? run<4, kFromVariance>
                 : run<1, kFromVariance>)(stream, at, static_cast<float*>(args.workspace), size,
                                          epsilon);
      }};
}

}  // namespace

const Engine kTrainingGradientTwoPassReduction{"two_pass_reduction", DeviceType::kCuda,
                                               EngineRole::kProduct, supports_f32_int32,
                                               prepare<false>};
const Engine kInferenceGradientTwoPassReduction{"two_pass_reduction", DeviceType::kCuda,
                                                EngineRole::kProduct, supports_f32_int32,
                                                prepare<true>};

}  // namespace voluta::batch_norm
