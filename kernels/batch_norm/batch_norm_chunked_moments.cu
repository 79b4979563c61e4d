// batch_norm_training, algorithm "chunked_moments": x is read twice, for its moments and to be
// normalised. A thread takes 8 rows of its channels (4 of
// eight channels) into registers, all under way at once, finds their mean and their sum
// of squared deviations in two passes there, and joins them to what it has; threads of a block meet
// in a tree, blocks in a second kernel, always in the same order.
//   formulae and source: batch_norm_moments.cuh
//   grid   moments    (tiles of columns, runs; 528 at most)    block 256   smem 9 KiB   regs 63
//          finish     (ceil(C / 8))                            block 256   smem 3 KiB   regs 40
//          normalise  (tiles of columns, rows / 4 a thread)    block 256   smem 0       regs 54-74
//          (sm_90a); of 16 bits moments 17 KiB and 64, normalise 63-80; no spills
//   maps   channel_tiles.cuh; where C % 4 == 0 a thread owns four channels, of 16 bits
//          eight where C % 8 == 0, else one
//   limits x, z, y of f32, bf16 or f16; fewer than 2^31 elements
//   bound  memory: 12 bytes an element, 16 with a residual; of 16 bits half of that
//   measured never run on hardware

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/batch_norm/batch_norm_moments.cuh>

namespace voluta::batch_norm {
namespace {

constexpr int64_t kRowsAThread = 8;  // at least, where there are as many
constexpr unsigned kBlocksAnSm = 4;  // of 64 registers a thread
constexpr int64_t kMostBlocks = 132 * kBlocksAnSm;

// Rows in registers, of 16 bits as they lie in memory. How many decides what is rounded where.
template <int kWidth>
constexpr int kChunk = kWidth == 8 ? 4 : 8;

// Moments of the `rows` >= 1 first of the held rows; the others are zeros.
template <class T, int kWidth, int kHeld>
__device__ Moments<kWidth> moments_of(const Pack<T, kWidth> (&held)[kHeld], int rows) {
  Moments<kWidth> of{.rows = rows};
  const float share = share_of(1, rows);
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) {
    float sum = 0.0f, squares = 0.0f;
#pragma unroll
    for (int i = 0; i < kHeld; ++i) sum += held[i][lane];
    const float mean = sum * share;
#pragma unroll
    for (int i = 0; i < kHeld; ++i) {
      const float d = i < rows ? held[i][lane] - mean : 0.0f;
      squares = fmaf(d, d, squares);
    }
    of.mean[lane] = mean;
    of.deviations[lane] = squares;
  }
  return of;
}

template <int kWidth, class T>
__global__ void __launch_bounds__(kTileBlock, kBlocksAnSm)
    batch_norm_moments(const T* x /* [rows, groups * kWidth] */,
                       float* partial /* [runs, 2, groups * kWidth] */, RowRuns runs,
                       unsigned groups, unsigned width) {
  VOLUTA_SHARED(Moments<kWidth>[kTileBlock], parts);
  constexpr int kHeld = kChunk<kWidth>;
  const TileThread my(groups, width);
  const unsigned end = runs.begin(blockIdx.y + 1);
  unsigned row = runs.begin(blockIdx.y) + my.row;
  Moments<kWidth> own{};
  for (; my.active && row < end; row += kHeld * my.rows_at_once) {
    Pack<T, kWidth> held[kHeld];
    int taken = 0;
#pragma unroll
    for (int i = 0; i < kHeld; ++i) {
      const unsigned at = row + i * my.rows_at_once;
      const bool there = i == 0 || at < end;
      held[i] = load_pack_if<T, kWidth>(there, x, at * groups + my.group);
      if (there) taken = i + 1;
    }
    join(own, moments_of(held, taken));
  }
  store_joined(own, parts, my, groups, width, partial);
}

template <int kWidth, class T>
void run(Stream& stream, const TrainingOperands<T, float>& at, float* partial, Extents size,
         const Finish& finish) {
  const ChannelTiles tiles(size.channels, kWidth);
  const LaunchShape shape = tiles.shape(size.rows, kRowsAThread, kMostBlocks);
  launch(stream, "batch_norm_moments", shape, batch_norm_moments<kWidth, T>, at.x, partial,
         RowRuns(size.rows, shape.grid[1]), tiles.groups, tiles.width);
  launch_finish<kWidth, T>(stream, at, partial, Cut(size.rows, 1, shape.grid[1]), size.channels,
                           finish);
}

Support supports(const Problem& problem) {
  if (problem.options_as<BatchNormOptions>().moments) return Support::no("reads no moments");
  return supports_int32(problem);
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const BatchNormOptions options = problem.options_as<BatchNormOptions>();
  const Extents size = extents(problem);
  const Finish finish(options);
  return {
      .workspace_bytes =
          static_cast<std::size_t>(
              2 * most_runs(size.rows, size.channels, kRowsAThread, kMostBlocks) * size.channels) *
          sizeof(float),
      .run = [=](const Args& args, Stream& stream) {
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

const Engine kTrainingChunkedMoments{"chunked_moments", DeviceType::kCuda, EngineRole::kProduct,
                                     supports, prepare};

}  // namespace voluta::batch_norm
