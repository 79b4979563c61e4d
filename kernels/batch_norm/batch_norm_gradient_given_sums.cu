// batch_norm_training_gradient, algorithm "given_sums": sums of du and of du (x - m) over parts of the
// rows come with dy, from the epilogue of the convolution's gradient that wrote it. x and dy are read
// once, for dx. The parts are added up in two steps where there are many, always in the same order.
//   db = sum_i sums[i,0]      dw = s sum_i sums[i,1]      dx = w s (du - db / R - (x - m) s dw / R)
//   grid   add     (tiles of columns, runs; 528 at most)    block 256   smem 8 KiB   regs 25
//          (sm_90a); of 16 bits 16 KiB and 40; no spills
//          finish, apply: batch_norm_gradient_two_pass_reduction.cu
//   maps   channel_tiles.cuh, a part's sums in the place of a row
//   limits x, dy, dx of f32, bf16 or f16; fewer than 2^31 elements
//   bound  memory: 12 bytes an element; of 16 bits half of that
//   measured never run on hardware

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/batch_norm/batch_norm_gradient.cuh>

#include <type_traits>

namespace voluta::batch_norm {
namespace {

constexpr int64_t kMostAtOnce = 512;  // parts that batch_norm_gradient_finish adds up alone
constexpr int64_t kPartsAThread = 4;  // at least, where there are as many
constexpr int64_t kMostBlocks = 528;  // four an SM on 132 SMs

template <int kWidth>
__global__ void __launch_bounds__(kTileBlock)
    batch_norm_gradient_add_parts(const float* sums /* [count, 2, groups * kWidth] */,
                                  float* partial /* [runs, 2, groups * kWidth] */, RowRuns runs,
                                  unsigned groups, unsigned width) {
  VOLUTA_SHARED(Sums<kWidth>[kTileBlock], parts);
  const TileThread my(groups, width);
  const unsigned end = runs.begin(blockIdx.y + 1);
  unsigned part = runs.begin(blockIdx.y) + my.row;
  Sums<kWidth> own{};
  for (; my.active && part < end; part += my.rows_at_once) {
    const Floats<kWidth> du = load<kWidth>(sums, part * 2 * groups + my.group);
    const Floats<kWidth> product = load<kWidth>(sums, (part * 2 + 1) * groups + my.group);
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) {
      own.du[lane] += du.lane[lane];
      own.product[lane] += product.lane[lane];
    }
  }
  store_joined(own, parts, my, groups, width, partial);
}

template <int kWidth, class T>
void launch_parts(const Launch<T>& with, int64_t parts) {
  if (parts <= kMostAtOnce) {
    return launch_gradient_finish<false>(with, with.at.sums, static_cast<unsigned>(parts));
  }
  const ChannelTiles tiles(with.size.channels, kWidth);
  const LaunchShape shape = tiles.shape(parts, kPartsAThread, kMostBlocks);
  launch(with.stream, "batch_norm_gradient_add_parts", shape, batch_norm_gradient_add_parts<kWidth>,
         with.at.sums, with.partial, RowRuns(parts, shape.grid[1]), tiles.groups, tiles.width);
  launch_gradient_finish<false>(with, with.partial, shape.grid[1]);
}

template <int kWidth, class T>
void run(const Launch<T>& with, int64_t parts, ActivationKind activation) {
  launch_parts<kWidth>(with, parts);
  if (activation == ActivationKind::kNone) {
    return launch_apply<kWidth, false, Through::kNothing>(with, Clamp{});
  }
  with_kernel_activation(activation, [&]<class F>(F f) {
    if constexpr (kWidth < 8 || std::is_same_v<F, Clamp>) {
      launch_apply<kWidth, false, Through::kArgument>(with, f);
    }
  });
}

Support supports(const Problem& problem) {
  if (supports_no_sums(problem).ok) return Support::no("no sums come with dy");
  return supports_int32(problem);
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const auto options = problem.options_as<BatchNormTrainingGradientOptions>();
  const Extents size = extents(problem);
  const int64_t parts = sum_parts(problem), stride = dy_stride(problem);
  const int64_t runs =
      parts <= kMostAtOnce ? 0 : most_runs(parts, size.channels, kPartsAThread, kMostBlocks);
  return {.workspace_bytes = static_cast<std::size_t>(2 * runs * size.channels) * sizeof(float),
          .run = [=](const Args& args, Stream& stream) {
            const Operands<T> at(args, options, stride);
            // Exponentials of eight channels would spill.
            const auto run_grouped = is_clamp(options.activation) ? run<kVector<T>, T> : run<4, T>;
            (is_grouped(at, size.channels)
                 ? run_grouped
                 : run<1, T>)({stream, at, static_cast<float*>(args.workspace), size, 0.0f}, parts,
                              options.activation);
          }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}

}  // namespace

const Engine kTrainingGradientGivenSums{"given_sums", DeviceType::kCuda, EngineRole::kProduct,
                                        supports, prepare};

}  // namespace voluta::batch_norm
