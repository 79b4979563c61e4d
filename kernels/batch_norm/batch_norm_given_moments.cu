// batch_norm_training, algorithm "given_moments": x comes with the moments of its parts of 128 rows,
// from the epilogue of the convolution that wrote it, and is read once, to be normalised. The parts
// are joined in two steps where there are many, always in the same order.
//   formulae and source: batch_norm_moments.cuh
//   grid   join       (tiles of columns, runs; 528 at most)    block 256   smem 9 KiB   regs 30
//          finish     (ceil(C / 8))                            block 256   smem 3 KiB   regs 40
//          normalise  (tiles of columns, rows / 4 a thread)    block 256   smem 0       regs 54-74
//          (sm_90a); of 16 bits join 17 KiB and 42, normalise 63-80; no spills
//   maps   channel_tiles.cuh, a part's moments in the place of a row
//   limits x, z, y of f32, bf16 or f16; fewer than 2^31 elements
//   bound  memory: 8 bytes an element, 12 with a residual; of 16 bits half of that
//   measured never run on hardware

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/batch_norm/batch_norm_moments.cuh>

namespace voluta::batch_norm {
namespace {

constexpr int64_t kMostAtOnce = 512;  // parts that batch_norm_finish joins alone
constexpr int64_t kPartsAThread = 4;  // at least, where there are as many
constexpr int64_t kMostBlocks = 528;  // four an SM on 132 SMs

template <int kWidth>
__global__ void __launch_bounds__(kTileBlock)
    batch_norm_join_moments(const float* moments /* [parts, 2, groups * kWidth] */,
                            float* partial /* [runs, 2, groups * kWidth] */, int64_t rows,
                            RowRuns runs /* of parts */, unsigned groups, unsigned width) {
  VOLUTA_SHARED(Moments<kWidth>[kTileBlock], parts);
  const TileThread my(groups, width);
  const unsigned end = runs.begin(blockIdx.y + 1);
  unsigned part = runs.begin(blockIdx.y) + my.row;
  Moments<kWidth> own{};
  for (; my.active && part < end; part += my.rows_at_once) {
    const Floats<kWidth> mean = load<kWidth>(moments, part * 2 * groups + my.group);
    const Floats<kWidth> deviations = load<kWidth>(moments, (part * 2 + 1) * groups + my.group);
    const int64_t left = rows - part * kMomentsRows;
    Moments<kWidth> next{.rows = static_cast<int>(left < kMomentsRows ? left : kMomentsRows)};
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) {
      next.mean[lane] = mean.lane[lane];
      next.deviations[lane] = deviations.lane[lane];
    }
    join(own, next);
  }
  store_joined(own, parts, my, groups, width, partial);
}

int64_t parts_of(Extents size) {
  return (size.rows + kMomentsRows - 1) / kMomentsRows;
}

template <int kWidth, class T>
void run(Stream& stream, const TrainingOperands<T, float>& at, float* partial, Extents size,
         const Finish& finish) {
  const int64_t parts = parts_of(size);
  if (parts <= kMostAtOnce) {
    const Cut cut(size.rows, kMomentsRows, static_cast<unsigned>(parts));
    return launch_finish<kWidth, T>(stream, at, at.moments, cut, size.channels, finish);
  }
  const ChannelTiles tiles(size.channels, kWidth);
  const LaunchShape shape = tiles.shape(parts, kPartsAThread, kMostBlocks);
  launch(stream, "batch_norm_join_moments", shape, batch_norm_join_moments<kWidth>, at.moments,
         partial, size.rows, RowRuns(parts, shape.grid[1]), tiles.groups, tiles.width);
  launch_finish<kWidth, T>(stream, at, partial, Cut(size.rows, kMomentsRows, shape.grid[1]),
                           size.channels, finish);
}

Support supports(const Problem& problem) {
  if (!problem.options_as<BatchNormOptions>().moments) return Support::no("no moments come with x");
  return supports_int32(problem);
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const BatchNormOptions options = problem.options_as<BatchNormOptions>();
  const Extents size = extents(problem);
  const int64_t parts = parts_of(size);
  const int64_t runs =
      parts <= kMostAtOnce ? 0 : most_runs(parts, size.channels, kPartsAThread, kMostBlocks);
  return {.workspace_bytes = static_cast<std::size_t>(2 * runs * size.channels) * sizeof(float),
          .run = [=, finish = Finish(options)](const Args& args, Stream& stream) {
            const TrainingOperands<T, float> at(args, options);
            (is_grouped(at, size.channels)
                 ? run<kVector<T>, T>
                 : run<1, T>)(stream, at, static_cast<float*>(args.workspace), size, finish);
          }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}

}  // namespace

const Engine kTrainingGivenMoments{"given_moments", DeviceType::kCuda, EngineRole::kProduct,
                                   supports, prepare};

}  // namespace voluta::batch_norm
