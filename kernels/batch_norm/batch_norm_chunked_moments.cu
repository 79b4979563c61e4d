// batch_norm_training, algorithm "chunked_moments": x is read twice, for its moments and to be
// normalised. A thread takes 8 rows of its channels into registers, finds their mean and their sum
// of squared deviations in two passes there, and joins them to what it has; threads of a block meet
// in a tree, blocks in a second kernel, always in the same order.
//   d = m_b - m_a     m = m_a + d k/(n+k)     M = M_a + M_b + d^2 n k/(n+k)    (n and k rows)
//   Source: Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing
//   sample variances".
//   grid   moments    (tiles of columns, runs; 528 at most)    block 256   smem 9 KiB   regs 99
//          finish     (ceil(C / 8))                            block 256   smem 3 KiB   regs 28
//          normalise  (tiles of columns, rows / 4 a thread)    block 256   smem 0       regs 48-64
//          (sm_90a)
//   maps   channel_tiles.cuh; where C % 4 == 0 a thread owns four channels, else one
//   limits f32, fewer than 2^31 elements
//   bound  memory: 12 bytes an element, 16 with a residual
//   measured never run on hardware

#include <voluta/kernels/batch_norm/batch_norm_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/batch_norm/batch_norm_normalise.cuh>
#include <voluta/kernels/common/reduction.cuh>

namespace voluta::batch_norm {
namespace {

constexpr int kChunk = 8;             // rows in registers
constexpr int64_t kMostBlocks = 528;  // two waves of two an SM on 132 SMs
constexpr int64_t kFinishWidth = 8;   // channels a block of the second kernel

// Of kWidth channels over `rows` rows: means, and sums of squared deviations from them.
template <int kWidth>
struct Moments {
  int rows;
  float mean[kWidth], deviations[kWidth];
};

template <int kWidth>
__device__ void join(Moments<kWidth>& to, const Moments<kWidth>& other) {
  if (other.rows == 0) return;
  const int rows = to.rows + other.rows;
  const float weight = static_cast<float>(other.rows) / static_cast<float>(rows);
  const float scale = static_cast<float>(to.rows) * weight;
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) {
    const float d = other.mean[lane] - to.mean[lane];
    to.mean[lane] = fmaf(d, weight, to.mean[lane]);
    to.deviations[lane] += fmaf(d, d * scale, other.deviations[lane]);
  }
  to.rows = rows;
}

// Moments of the `rows` >= 1 first of the held rows.
template <int kWidth>
__device__ Moments<kWidth> moments_of(const Floats<kWidth> (&held)[kChunk], int rows) {
  Moments<kWidth> of{.rows = rows};
  const float share = 1.0f / static_cast<float>(rows);
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) {
    float sum = 0.0f, squares = 0.0f;
#pragma unroll
    for (int i = 0; i < kChunk; ++i) sum += i < rows ? held[i].lane[lane] : 0.0f;
    const float mean = sum * share;
#pragma unroll
    for (int i = 0; i < kChunk; ++i) {
      const float d = i < rows ? held[i].lane[lane] - mean : 0.0f;
      squares = fmaf(d, d, squares);
    }
    of.mean[lane] = mean;
    of.deviations[lane] = squares;
  }
  return of;
}

template <int kWidth>
__global__ void __launch_bounds__(kTileBlock)
    batch_norm_moments(const float* x /* [rows, groups * kWidth] */,
                       float* partial /* [runs, 2, groups * kWidth] */, int64_t rows,
                       unsigned groups, unsigned width) {
  VOLUTA_SHARED(Moments<kWidth>[kTileBlock], parts);
  const TileThread my(groups, width);
  const int64_t end = run_begin(rows, blockIdx.y + 1, gridDim.y);
  int64_t row = run_begin(rows, blockIdx.y, gridDim.y) + my.row;
  Moments<kWidth> own{};
  for (; my.active && row < end; row += kChunk * my.rows_at_once) {
    Floats<kWidth> held[kChunk];
    int taken = 0;
#pragma unroll
    for (int i = 0; i < kChunk; ++i) {
      const int64_t at = row + i * my.rows_at_once;
      if (at >= end) break;
      held[i] = load<kWidth>(x, at * groups + my.group);
      taken = i + 1;
    }
    join(own, moments_of(held, taken));
  }
  parts[threadIdx.x] = own;
  block_join_rows(parts, my.rows_at_once, width, join<kWidth>);
  if (!my.active || my.row != 0) return;
  const Moments<kWidth>& all = parts[threadIdx.x];
  Floats<kWidth> mean, deviations;
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) {
    mean.lane[lane] = all.mean[lane];
    deviations.lane[lane] = all.deviations[lane];
  }
  const int64_t first = static_cast<int64_t>(blockIdx.y) * 2 * groups;
  store<kWidth>(partial, first + my.group, mean);
  store<kWidth>(partial, first + groups + my.group, deviations);
}

struct Finish {
  float epsilon, momentum, keep;  // keep = 1 - momentum
  ActivationKind activation;
};

// Joins the runs and writes all outputs of a step but y.
__global__ void __launch_bounds__(kTileBlock)
    batch_norm_finish(const float* partial /* [runs, 2, channels] */,
                      TrainingOperands<float, float> at, int64_t rows, unsigned runs,
                      unsigned channels, unsigned width, Finish with) {
  VOLUTA_SHARED(Moments<1>[kTileBlock], parts);
  const TileThread my(channels, width);
  Moments<1> own{};
  for (unsigned run = my.row; my.active && run < runs; run += my.rows_at_once) {
    const int64_t mean = static_cast<int64_t>(run) * 2 * channels + my.group;
    const int64_t count = run_begin(rows, run + 1, runs) - run_begin(rows, run, runs);
    join(own, Moments<1>{static_cast<int>(count), {partial[mean]}, {partial[mean + channels]}});
  }
  parts[threadIdx.x] = own;
  block_join_rows(parts, my.rows_at_once, width, join<1>);
  if (blockIdx.x == 0 && threadIdx.x == 0) *at.new_batches = *at.batches + 1;
  if (!my.active || my.row != 0) return;
  const Moments<1>& all = parts[threadIdx.x];
  const unsigned c = my.group;
  const float mean = all.mean[0], squares = all.deviations[0];
  at.mean[c] = mean;
  at.inverse_deviation[c] = 1.0f / sqrtf(squares / static_cast<float>(rows) + with.epsilon);
  at.new_mean[c] = fmaf(with.momentum, mean, with.keep * at.running_mean[c]);
  const float unbiased = squares / static_cast<float>(rows - 1);
  at.new_var[c] = fmaf(with.momentum, unbiased, with.keep * at.running_var[c]);
}

template <int kWidth>
void run(Stream& stream, const TrainingOperands<float, float>& at, float* partial, Extents size,
         const Finish& finish) {
  const ChannelTiles tiles(size.channels, kWidth), last(size.channels, 1, kFinishWidth);
  const LaunchShape shape = tiles.shape(size.rows, kChunk, kMostBlocks);
  launch(stream, "batch_norm_moments", shape, batch_norm_moments<kWidth>, at.x, partial, size.rows,
         tiles.groups, tiles.width);
  launch(stream, "batch_norm_finish", last.shape(1, 1, last.tiles), batch_norm_finish, partial, at,
         size.rows, shape.grid[1], last.groups, last.width, finish);
  launch_normalise<kWidth, false>(stream, {at.x, at.residual, at.y},
                                  {at.weight, at.bias, at.mean, at.inverse_deviation}, size.rows,
                                  size.channels, finish.epsilon, finish.activation);
}

Execution prepare(const Problem& problem) {
  const BatchNormOptions options = problem.options_as<BatchNormOptions>();
  const Extents size = extents(problem);
  const Finish finish{static_cast<float>(options.epsilon), static_cast<float>(options.momentum),
                      static_cast<float>(1 - options.momentum), options.activation};
  return {
      .workspace_bytes =
          static_cast<std::size_t>(2 * most_runs(size.rows, size.channels, kChunk, kMostBlocks) *
                                   size.channels) *
          sizeof(float),
      .run = [=](const Args& args, Stream& stream) {
        const TrainingOperands<float, float> at(args, options);
        const bool grouped =
            size.channels % 4 == 0 &&
            aligned16(at.x, at.residual, at.y, at.weight, at.bias, at.mean, at.inverse_deviation);
        (grouped ? run<4> : run<1>)(stream, at, static_cast<float*>(args.workspace), size, finish);
      }};
}

}  // namespace

const Engine kTrainingChunkedMoments{"chunked_moments", DeviceType::kCuda, EngineRole::kProduct,
                                     supports_f32_int32, prepare};

}  // namespace voluta::batch_norm
