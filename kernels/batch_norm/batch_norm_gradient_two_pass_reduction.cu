// batch_norm_training_gradient and batch_norm_inference_gradient, algorithm "two_pass_reduction":
// blocks sum runs of rows, a second kernel sums the runs and writes dw and db, a third dx. The
// number of runs depends on the extents alone, so the order of the sums is fixed.
//   db = sum_r du      dw = s sum_r du (x - m)      dx = w s (du - db / R - (x - m) s dw / R)
//   In inference m and s are constants: dx = w s du. du = dy f'(u) is computed on the way in
//   (Note [The activation's gradient inside batch norm's]).
//   grid   sums    (tiles of columns, runs; 528 at most)    block 256   smem 8 KiB   regs 48-64
//          finish  (ceil(C / 8))                            block 256   smem 2 KiB   regs 20
//          apply   (tiles of columns, rows / 4 a thread)    block 256   smem 0       regs 65-92
//          (sm_90a); of 16 bits sums 16 KiB and 58-74, apply 48-116
//   maps   channel_tiles.cuh; where C % 4 == 0 a thread owns four channels, of 16 bits
//          eight where C % 8 == 0, else one
//   limits x, dy, dx, kept, du of f32, bf16 or f16; fewer than 2^31 elements
//   bound  memory: 20 bytes an element; with what was kept 28, or 28 with du as an output; of 16 bits
//          half of that
//   measured never run on hardware

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/batch_norm/batch_norm_gradient.cuh>
#include <voluta/kernels/common/reduction.cuh>

#include <type_traits>

#if defined(__GNUC__) && !defined(__CUDACC__)
// Of rows beyond the last, which no loop of batch_norm_gradient_apply comes to. Zeros there would
// cost the device registers.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace voluta::batch_norm {
namespace {

template <class T>
using Operands = GradientOperands<T, float>;

constexpr int64_t kRowsAThread = 8;   // at least, where there are as many
constexpr int64_t kMostBlocks = 528;  // four an SM on 132 SMs
constexpr int64_t kFinishWidth = 8;   // channels a block of the second kernel

// Of kWidth channels: sums of du and of du (x - m).
template <int kWidth>
struct Sums {
  float du[kWidth], product[kWidth];
};

template <int kWidth>
__device__ void join(Sums<kWidth>& to, const Sums<kWidth>& other) {
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) {
    to.du[lane] += other.du[lane];
    to.product[lane] += other.product[lane];
  }
}

template <int kWidth, bool kFromVariance, Through kThrough, class T, class F>
__global__ void __launch_bounds__(kTileBlock)
    batch_norm_gradient_sums(Operands<T> at /* [rows, groups * kWidth] */,
                             float* partial /* [runs, 2, groups * kWidth] */, int64_t rows,
                             unsigned groups, unsigned width, float epsilon, F f) {
  VOLUTA_SHARED(Sums<kWidth>[kTileBlock], parts);
  const TileThread my(groups, width);
  const int64_t end = run_begin(rows, blockIdx.y + 1, gridDim.y);
  int64_t row = run_begin(rows, blockIdx.y, gridDim.y) + my.row;
  Sums<kWidth> own{};
  if (my.active) {
    const Channels<kWidth, kFromVariance, kThrough, F> channels(at, my.group, epsilon, f);
    // Exponentials and eight channels need the registers.
    [[maybe_unused]] constexpr int kUnroll = std::is_same_v<F, Clamp> && kWidth < 8 ? 4 : 2;
#pragma unroll kUnroll
    for (; row < end; row += my.rows_at_once) {
      const int64_t item = row * groups + my.group;
      Floats<kWidth> gradient = load<kWidth>(at.dy, item), kept{};
      const Floats<kWidth> value = load<kWidth>(at.x, item);
      if constexpr (kThrough == Through::kKept) kept = load<kWidth>(at.kept, item);
      channels.backward(gradient, value, kept);
      if (at.du != nullptr) store<kWidth>(at.du, item, gradient);
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) {
        own.du[lane] += gradient.lane[lane];
        own.product[lane] = fmaf(gradient.lane[lane], value.lane[lane] - channels.mean.lane[lane],
                                 own.product[lane]);
      }
    }
  }
  parts[threadIdx.x] = own;
  block_join_rows(parts, my.rows_at_once, width, join<kWidth>);
  if (!my.active || my.row != 0) return;
  Floats<kWidth> sum, product;
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) {
    sum.lane[lane] = parts[threadIdx.x].du[lane];
    product.lane[lane] = parts[threadIdx.x].product[lane];
  }
  const int64_t first = static_cast<int64_t>(blockIdx.y) * 2 * groups;
  store<kWidth>(partial, first + my.group, sum);
  store<kWidth>(partial, first + groups + my.group, product);
}

// Adds up the runs and writes dw and db.
template <bool kFromVariance, class T>
__global__ void __launch_bounds__(kTileBlock)
    batch_norm_gradient_finish(const float* partial /* [runs, 2, channels] */, Operands<T> at,
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
  at.dbias[my.group] = parts[threadIdx.x].du[0];
  at.dweight[my.group] = parts[threadIdx.x].product[0] * inverse.lane[0];
}

// dx = scale (du - shift - (x - mean) slope), in inference scale du; dx may be dy or x.
template <int kWidth, bool kFromVariance, Through kThrough, class T, class F>
__global__ void __launch_bounds__(kTileBlock)
    batch_norm_gradient_apply(Operands<T> at, int64_t rows, unsigned groups, unsigned width,
                              float epsilon, F f) {
  constexpr int kRows = kRowsInFlight<kWidth>;
  const TileThread my(groups, width);
  if (!my.active) return;
  const Channels<kWidth, kFromVariance, kThrough, F> channels(at, my.group, epsilon, f);
  Floats<kWidth> shift{}, slope{};
  if constexpr (!kFromVariance) {
    shift = load<kWidth>(at.dbias, my.group);
    slope = load<kWidth>(at.dweight, my.group);
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) {
      shift.lane[lane] /= static_cast<float>(rows);
      slope.lane[lane] *= channels.inverse.lane[lane] / static_cast<float>(rows);
    }
  }
  const int64_t step = static_cast<int64_t>(gridDim.y) * my.rows_at_once;
  int64_t row = static_cast<int64_t>(blockIdx.y) * my.rows_at_once + my.row;
  for (; row < rows; row += kRows * step) {
    Floats<kWidth> gradient[kRows], value[kRows], kept[kRows];
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const int64_t item = (row + i * step) * groups + my.group;
      if (row + i * step >= rows) break;
      gradient[i] = load<kWidth>(at.dy, item);
      if constexpr (!kFromVariance || kThrough == Through::kArgument) {
        value[i] = load<kWidth>(at.x, item);
      }
      if constexpr (kThrough == Through::kKept) kept[i] = load<kWidth>(at.kept, item);
    }
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      if (row + i * step >= rows) break;
      channels.backward(gradient[i], value[i], kept[i]);
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) {
        float through = gradient[i].lane[lane];
        if constexpr (!kFromVariance) {
          const float d = value[i].lane[lane] - channels.mean.lane[lane];
          through = fmaf(-d, slope.lane[lane], through - shift.lane[lane]);
        }
        gradient[i].lane[lane] = channels.scale.lane[lane] * through;
      }
      store<kWidth>(at.dx, (row + i * step) * groups + my.group, gradient[i]);
    }
  }
}

template <class T>
struct Launch {
  Stream& stream;
  Operands<T> at;
  float* partial;
  Extents size;
  float epsilon;
};

template <int kWidth, bool kFromVariance, Through kThrough, class T, class F>
void launch_sums(const Launch<T>& with, F f) {
  const ChannelTiles tiles(with.size.channels, kWidth), last(with.size.channels, 1, kFinishWidth);
  const LaunchShape shape = tiles.shape(with.size.rows, kRowsAThread, kMostBlocks);
  launch(with.stream, "batch_norm_gradient_sums", shape,
         batch_norm_gradient_sums<kWidth, kFromVariance, kThrough, T, F>, with.at, with.partial,
         with.size.rows, tiles.groups, tiles.width, with.epsilon, f);
  launch(with.stream, "batch_norm_gradient_finish", last.shape(1, 1, last.tiles),
         batch_norm_gradient_finish<kFromVariance, T>, with.partial, with.at, shape.grid[1],
         last.groups, last.width, with.epsilon);
}

template <int kWidth, bool kFromVariance, Through kThrough, class T, class F>
void launch_apply(const Launch<T>& with, F f) {
  const ChannelTiles tiles(with.size.channels, kWidth);
  launch(with.stream, "batch_norm_gradient_apply",
         tiles.shape(with.size.rows, kRowsInFlight<kWidth>, kElementwiseBlocks),
         batch_norm_gradient_apply<kWidth, kFromVariance, kThrough, T, F>, with.at, with.size.rows,
         tiles.groups, tiles.width, with.epsilon, f);
}

// Where du is an output, the first pass stores it and the second reads it in dy's stead.
template <int kWidth, bool kFromVariance, Through kThrough, class T, class F>
void launch_both(Launch<T> with, F f) {
  launch_sums<kWidth, kFromVariance, kThrough>(with, f);
  if (with.at.du != nullptr) {
    with.at.dy = with.at.du;
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
  float epsilon = 0;
  if constexpr (kFromVariance) epsilon = static_cast<float>(options.epsilon);
  return {
      .workspace_bytes =
          static_cast<std::size_t>(
              2 * most_runs(size.rows, size.channels, kRowsAThread, kMostBlocks) * size.channels) *
          sizeof(float),
      .run = [=](const Args& args, Stream& stream) {
        const Operands<T> at(args, options);
        const bool grouped = size.channels % kVector<T> == 0 &&
                             aligned16(at.x, at.dy, at.dx, at.weight, at.mean, at.spread,
                                       at.dweight, at.dbias, at.bias, at.kept, at.du);
        // Exponentials of eight channels would spill.
        constexpr auto kWide = run<kVector<T>, kFromVariance, T>;
        const auto run_grouped = is_clamp(options.activation) ? kWide : run<4, kFromVariance, T>;
        (grouped ? run_grouped
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

}  // namespace

const Engine kTrainingGradientTwoPassReduction{"two_pass_reduction", DeviceType::kCuda,
                                               EngineRole::kProduct, supports_int32,
                                               prepare<BatchNormTrainingGradientOptions, false>};
const Engine kInferenceGradientTwoPassReduction{"two_pass_reduction", DeviceType::kCuda,
                                                EngineRole::kProduct, supports_int32,
                                                prepare<BatchNormInferenceGradientOptions, true>};

}  // namespace voluta::batch_norm
