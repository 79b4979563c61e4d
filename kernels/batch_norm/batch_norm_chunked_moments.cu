// batch_norm_training, algorithm "chunked_moments": x is read twice, for its moments and to be
// normalised. A thread takes 8 rows of its channels into registers, finds their mean and their sum
// of squared deviations in two passes there, and joins them to what it has; threads of a block meet
// in a tree, blocks in a second kernel, always in the same order.
//   formulae and source: batch_norm_moments.cuh
//   grid   moments    (tiles of columns, runs; 528 at most)    block 256   smem 9 KiB   regs 99
//          finish     (ceil(C / 8))                            block 256   smem 3 KiB   regs 32
//          normalise  (tiles of columns, rows / 4 a thread)    block 256   smem 0       regs 48-64
//          (sm_90a)
//   maps   channel_tiles.cuh; where C % 4 == 0 a thread owns four channels, else one
//   limits f32, fewer than 2^31 elements
//   bound  memory: 12 bytes an element, 16 with a residual
//   measured never run on hardware

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/batch_norm/batch_norm_moments.cuh>

namespace voluta::batch_norm {
namespace {

constexpr int kChunk = 8;             // rows in registers
constexpr int64_t kMostBlocks = 528;  // two waves of two an SM on 132 SMs

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
  store_joined(own, parts, my, groups, width, partial);
}

template <int kWidth>
void run(Stream& stream, const TrainingOperands<float, float>& at, float* partial, Extents size,
         const Finish& finish) {
  const ChannelTiles tiles(size.channels, kWidth);
  const LaunchShape shape = tiles.shape(size.rows, kChunk, kMostBlocks);
  launch(stream, "batch_norm_moments", shape, batch_norm_moments<kWidth>, at.x, partial, size.rows,
         tiles.groups, tiles.width);
  launch_finish<kWidth>(stream, at, partial, {size.rows, 1, shape.grid[1]}, size.channels, finish);
}

Support supports(const Problem& problem) {
  if (problem.options_as<BatchNormOptions>().moments) return Support::no("reads no moments");
  return supports_f32_int32(problem);
}

Execution prepare(const Problem& problem) {
  const BatchNormOptions options = problem.options_as<BatchNormOptions>();
  const Extents size = extents(problem);
  const Finish finish(options);
  return {.workspace_bytes =
              static_cast<std::size_t>(
                  2 * most_runs(size.rows, size.channels, kChunk, kMostBlocks) * size.channels) *
              sizeof(float),
          .run = [=](const Args& args, Stream& stream) {
            const TrainingOperands<float, float> at(args, options);
            (is_grouped(at, size.channels) ? run<4> : run<1>)(stream, at,
                                                              static_cast<float*>(args.workspace),
                                                              size, finish);
          }};
}

}  // namespace

const Engine kTrainingChunkedMoments{"chunked_moments", DeviceType::kCuda, EngineRole::kProduct,
                                     supports, prepare};

}  // namespace voluta::batch_norm
