// batch_norm_training_gradient and batch_norm_inference_gradient, algorithm "two_pass_reduction":
// blocks sum runs of rows, a second kernel sums the runs and writes dw and db, a third dx. The
// number of runs depends on extents and type alone, so the order of the sums is fixed.
//   db = sum_r du      dw = s sum_r du (x - m)      dx = w s (du - db / R - (x - m) s dw / R)
//   In inference m and s are constants: dx = w s du. du = dy f'(u) is computed on the way in
//   (Note [The activation's gradient inside batch norm's]).
//   grid   sums    (tiles of columns, runs; 528 at most)    block 256   smem 8 KiB   regs 48-63
//          finish  (ceil(C / 8))                            block 256   smem 2 KiB   regs 32
//          apply   (tiles of columns, rows / 3 a thread)    block 256   smem 3 KiB   regs 42-72
//          (sm_90a); of 16 bits sums 396 runs, 16 KiB and 48-80, apply 5 KiB and 40-80; no spills. So four
//          blocks of sums are on an SM, of 16 bits three, as their grids are meant for, and three of apply
//   loads  sums 2 rows a thread in flight, apply 3, without an activation 4; the order of the sums is that
//          of the rows
//   maps   channel_tiles.cuh; where C % 4 == 0 a thread owns four channels, of 16 bits
//          eight where C % 8 == 0, else one
//   dy     rows may lie further apart (Note [A gradient of channels put side by side])
//   limits x, dy, dx, kept, du of f32, bf16 or f16; fewer than 2^31 elements
//   bound  memory: 20 bytes an element; with what was kept 28, or 28 with du as an output; of 16 bits
//          half of that
//   measured never run on hardware

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/batch_norm/batch_norm_gradient.cuh>

#include <type_traits>

namespace voluta::batch_norm {
namespace {

constexpr int64_t kRowsAThread = 8;  // at least, where there are as many

// Of batch_norm_gradient_sums an SM: what a thread knows of eight channels takes 80 registers.
template <int kWidth>
constexpr unsigned kSumBlocks = kWidth == 8 ? 3 : 4;
template <int kWidth>
constexpr int64_t kMostBlocks = 132 * kSumBlocks<kWidth>;

// Rows [row, end) of every rows_at_once, in their order. kRows of them are under way at once.
template <unsigned kRows, bool kStoresDu, int kWidth, Through kThrough, class T, class Channels>
__device__ void add_rows(Sums<kWidth>& own, const Channels& channels, const Operands<T>& at,
                         unsigned row, unsigned end, unsigned groups, unsigned dy_groups,
                         const TileThread& my) {
  for (; row < end; row += kRows * my.rows_at_once) {
    GradientRow<T, kWidth, true, kThrough> held[kRows];
#pragma unroll
    for (unsigned i = 0; i < kRows; ++i) {
      const unsigned one = row + i * my.rows_at_once;
      held[i].load(i == 0 || one < end, at, one, groups, dy_groups, my.group);
    }
#pragma unroll
    for (unsigned i = 0; i < kRows; ++i) {
      const unsigned one = row + i * my.rows_at_once;
      if (i > 0 && one >= end) break;
      Floats<kWidth> du;
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) {
        du.lane[lane] = channels.backward(held[i], lane);
        own.du[lane] += du.lane[lane];
        own.product[lane] =
            fmaf(du.lane[lane], held[i].x[lane] - channels.mean.lane[lane], own.product[lane]);
      }
      if constexpr (kStoresDu) store<kWidth>(at.du, one * groups + my.group, du);
    }
  }
}

template <int kWidth, bool kFromVariance, Through kThrough, class T, class F>
__global__ void __launch_bounds__(kTileBlock, kSumBlocks<kWidth>)
    batch_norm_gradient_sums(Operands<T> at /* [rows, groups * kWidth] */,
                             float* partial /* [runs, 2, groups * kWidth] */, RowRuns runs,
                             unsigned groups, unsigned width, float epsilon, F f) {
  VOLUTA_SHARED(Sums<kWidth>[kTileBlock], parts);
  const TileThread my(groups, width);
  const unsigned begin = runs.begin(blockIdx.y), end = runs.begin(blockIdx.y + 1);
  const unsigned dy_apart = dy_groups<kWidth, kFromVariance>(at, groups);
  Sums<kWidth> own{};
  if (my.active) {
    const Channels<kWidth, kFromVariance, kThrough, F> channels(at, my.group, epsilon, f);
    if (at.du == nullptr) {
      add_rows<2, false, kWidth, kThrough>(own, channels, at, begin + my.row, end, groups, dy_apart,
                                           my);
    } else {
      add_rows<2, true, kWidth, kThrough>(own, channels, at, begin + my.row, end, groups, dy_apart,
                                          my);
    }
  }
  store_joined(own, parts, my, groups, width, partial);
}

template <int kWidth, bool kFromVariance, Through kThrough, class T, class F>
void launch_sums(const Launch<T>& with, F f) {
  const ChannelTiles tiles(with.size.channels, kWidth);
  const LaunchShape shape = tiles.shape(with.size.rows, kRowsAThread, kMostBlocks<kWidth>);
  launch(with.stream, "batch_norm_gradient_sums", shape,
         batch_norm_gradient_sums<kWidth, kFromVariance, kThrough, T, F>, with.at, with.partial,
         RowRuns(with.size.rows, shape.grid[1]), tiles.groups, tiles.width, with.epsilon, f);
  launch_gradient_finish<kFromVariance>(with, with.partial, shape.grid[1]);
}

// Where du is an output, the first pass stores it and the second reads it in dy's stead.
template <int kWidth, bool kFromVariance, Through kThrough, class T, class F>
void launch_both(Launch<T> with, F f) {
  launch_sums<kWidth, kFromVariance, kThrough>(with, f);
  if (with.at.du != nullptr) {
    with.at.dy = with.at.du;
    with.at.dy_stride = with.size.channels;
    launch_apply<kWidth, kFromVariance, Through::kNothing>(with, Clamp{});
  } else {
    launch_apply<kWidth, kFromVariance, kThrough>(with, f);
  }
}

template <int kWidth, bool kFromVariance, class T>
void run(const Launch<T>& with, ActivationKind activation) {
  if (activation == ActivationKind::kNone) {
    return launch_both<kWidth, kFromVariance, Through::kNothing>(with, Clamp{});
  }
  with_kernel_activation(activation, [&]<class F>(F f) {
    if constexpr (kWidth < 8 || std::is_same_v<F, Clamp>) {
      if (with.at.kept != nullptr) {
        launch_both<kWidth, kFromVariance, Through::kKept>(with, f);
      } else {
        launch_both<kWidth, kFromVariance, Through::kArgument>(with, f);
      }
    }
  });
}

template <class Options, bool kFromVariance, class T>
Execution prepare_as(const Problem& problem) {
  const Extents size = extents(problem);
  const Options options = problem.options_as<Options>();
  const int64_t stride = dy_stride(problem);
  float epsilon = 0;
  if constexpr (kFromVariance) epsilon = static_cast<float>(options.epsilon);
  return {
      .workspace_bytes = static_cast<std::size_t>(
                             2 * most_runs(size.rows, size.channels, kRowsAThread, kMostBlocks<1>) *
                             size.channels) *
                         sizeof(float),
      .run = [=](const Args& args, Stream& stream) {
        const Operands<T> at(args, options, stride);
        // Exponentials of eight channels would spill.
        constexpr auto kWide = run<kVector<T>, kFromVariance, T>;
        const auto run_grouped = is_clamp(options.activation) ? kWide : run<4, kFromVariance, T>;
        (is_grouped(at, size.channels)
             ? run_grouped
             : run<1, kFromVariance, T>)({stream, at, static_cast<float*>(args.workspace), size,
                                          epsilon},
                                         options.activation);
      }};
}

template <class Options, bool kFromVariance>
Execution prepare(const Problem& problem) {
  return dispatch_elements(
      problem, [&]<class T>() { return prepare_as<Options, kFromVariance, T>(problem); });
}

Support supports_training(const Problem& problem) {
  const Support support = supports_no_sums(problem);
  return support.ok ? supports_int32(problem) : support;
}

}  // namespace

const Engine kTrainingGradientTwoPassReduction{"two_pass_reduction", DeviceType::kCuda,
                                               EngineRole::kProduct, supports_training,
                                               prepare<BatchNormTrainingGradientOptions, false>};
const Engine kInferenceGradientTwoPassReduction{"two_pass_reduction", DeviceType::kCuda,
                                                EngineRole::kProduct, supports_int32,
                                                prepare<BatchNormInferenceGradientOptions, true>};

}  // namespace voluta::batch_norm
