// conv2d and conv2d_input_gradient, algorithm "winograd_2x2": F(2x2,3x3), in one kernel but for the
// filters, whose transforms u[16,C,K] (C to whole 8, K to whole 64) lie in the workspace.
//   Y = A^T [ sum_c (G w G^T) (.) (B^T x B) ] A    for output tiles of 2 x 2: conv2d_winograd.h
//                of xhat for x where there is a prologue: kernels/common/prologue.h
//   grid   (K / 64, tiles / 32; flattened)    block, smem, maps: conv2d_winograd_2x2.cuh
//   regs   238, with a prologue 239 (sm_90a); 239, 241 (sm_80); transform_filters 32; no spills
//   maps   a stage: 8 channels of 32 tiles and of 64 filters. Thread (tile t/8, channel t%8) loads
//          4 x 4 inputs and transforms them in registers into v[16][8][32].
//          At the end the 16 positions of a tile meet in shared memory, 32 filters at a time.
//   The quads of v are stored at (quad ^ channel), so that no store and no load has a bank
//   conflict. While a stage is multiplied, filters of the next come by cp.async, inputs through
//   registers. Channels are added up in their order: two runs agree bit for bit.
//   flops  16 multiply-adds for 36 of implicit_gemm's. A tile takes 32 additions a channel (again
//          for each 64 filters) and 24 a filter: for C = K = 64 another 1/18 of the instructions.
//   bytes  x is read 4 times for each 64 filters (tiles of 4 x 4 overlap), where implicit_gemm
//          gathers it 9 times for each 128, both mostly from L2. u is 16/9 of w, written and read.
//   limits 3 x 3, stride 1, dilation 1, one group, f32; sm_80 and later. Fewer than 64 filters leave
//          products unused. Plans take it where it pays: Note [When F(2x2) pays], conv2d_winograd_2x2.cuh
//   measured never run on hardware
// Source: Lavin and Gray 2015, arXiv 1509.09308, equation 9.

#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/common/async_copy.cuh>
#include <voluta/kernels/conv2d/conv2d_winograd_2x2.cuh>

namespace voluta {
namespace {

using namespace winograd;

struct View {
  const float* in;  // [N,H,W,C]
  const float* u;   // [16, depth, filters]
  float* out;       // [N,P,Q,K]
  Epilogue<float> epilogue;
  Normaliser normaliser;  // with a prologue
  Tiling tiling;
  int depth, filters, filter_blocks;  // C and K to whole stages and blocks; filters / 64
};

// Starts the copy of a stage's transformed filters: a thread's quads are two positions apart.
__device__ void start_filters(const View& view, float* stage, int first_c, int first_k) {
  constexpr int kQuads = kFilters / 4, kRows = kThreads / kQuads;  // rows of [16][8] at once
  static_assert(kRows == 2 * kDepth);
  const int row = static_cast<int>(threadIdx.x) / kQuads;
  const int k = static_cast<int>(threadIdx.x) % kQuads * 4;
  const auto filters = static_cast<std::size_t>(view.filters);
  const std::size_t step = 2 * static_cast<std::size_t>(view.depth) * filters;
  const auto c = static_cast<std::size_t>(row / kDepth * view.depth + first_c + row % kDepth);
  const float* from = view.u + c * filters + first_k + k;
  float* to = stage + row * kFilters + k;
#pragma unroll
  for (int i = 0; i < kPositions / 2; ++i, from += step) {
    copy_async<16>(to + i * kRows * kFilters, from);
  }
  commit_copies();
}

// Where float `tile` < 16 of the first or second half of a channel of v lies. In this form loads
// take four addresses, the rest are constants.
__device__ int swizzled(int channel, int half, int tile) {
  return channel * kLines + ((half * 16) ^ (channel / 4 * 16)) + (tile ^ (channel % 4 * 4));
}

__device__ void store_inputs(const float (&tile)[4][4], float* stage) {
  const int thread = static_cast<int>(threadIdx.x);
  const int tile_index = thread / kDepth;
  float* at = stage + swizzled(thread % kDepth, tile_index / 16, tile_index % 16);
  float transformed[4][4];
  transform<F2::Input>(tile, transformed);
#pragma unroll
  for (int i = 0; i < kPositions; ++i) at[i * kDepth * kLines] = transformed[i / 4][i % 4];
}

// Filters 32 half .. 32 half + 31 to met[16][32 tiles][32 filters].
template <int kHalf>
__device__ void gather(const Sums& sums, float* met) {
#pragma unroll
  for (int position = 0; position < 2; ++position) {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const int row = (2 * Sums::warp() + position) * kLines + i / 4 * 16 + Sums::line() + i % 4;
      const float* quad = &sums.of[position][i][4 * kHalf];
      *reinterpret_cast<float4*>(met + row * kRound + Sums::filter()) =
          make_float4(quad[0], quad[1], quad[2], quad[3]);
    }
  }
}

// Transforms back and stores 32 tiles x 32 filters.
__device__ void store_outputs(const View& view, const float* met, int first_tile, int first_k) {
  const int lane = static_cast<int>(threadIdx.x) % kRound, k = first_k + lane;
  if (k >= view.tiling.g.k) return;
  for (int i = static_cast<int>(threadIdx.x) / kRound; i < kLines; i += kThreads / kRound) {
    if (first_tile + i >= view.tiling.g.tiles) return;
    float products[4][4], tile[2][2];
#pragma unroll
    for (int j = 0; j < kPositions; ++j) {
      products[j / 4][j % 4] = met[(j * kLines + i) * kRound + lane];
    }
    transform<F2::Output>(products, tile);
    view.tiling.store<F2>(view.out, view.tiling.place<F2>(first_tile + i), k, view.epilogue, tile);
  }
}

template <bool kPrologue>
__global__ void __launch_bounds__(kThreads) multiply(View view) {
  VOLUTA_DYNAMIC_SHARED(float, shared);
  float* const u = shared;                     // 2 stages of [16][8][64]
  float* const v = shared + 2 * kFilterStage;  // 2 stages of [16][8][32]
  const int block = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  const int first_k = block % view.filter_blocks * kFilters;
  const int first_tile = block / view.filter_blocks * kLines;
  const int tile = first_tile + thread / kDepth, channels = view.tiling.g.c;
  const bool valid = tile < view.tiling.g.tiles;
  const Place place = view.tiling.place<F2>(valid ? tile : 0);

  Sums sums = {};
  float inputs[4][4];
  int c = thread % kDepth;
  start_filters(view, u, 0, first_k);
  const auto load = [&] { view.tiling.load<F2>(view.in, place, c, valid && c < channels, inputs); };
  const auto store = [&](float* stage) {
    if constexpr (kPrologue) {
      if (valid && c < channels) view.tiling.normalise<F2>(view.normaliser, place, c, inputs);
    }
    store_inputs(inputs, stage);
  };
  load();
  store(v);
  for (int depth = 0, stage = 0; depth < view.depth; depth += kDepth, stage ^= 1) {
    wait_copies<0>();
    __syncthreads();  // this stage is written, and the other one read
    const bool more = depth + kDepth < view.depth;
    if (more) {
      c += kDepth;
      start_filters(view, u + (stage ^ 1) * kFilterStage, depth + kDepth, first_k);
      load();
    }
    sums.add(u + stage * kFilterStage, v + stage * kLineStage, swizzled);
    if (more) store(v + (stage ^ 1) * kLineStage);
  }

  __syncthreads();
  gather<0>(sums, shared);
  __syncthreads();
  store_outputs(view, shared, first_tile, first_k);
  __syncthreads();
  gather<1>(sums, shared);
  __syncthreads();
  store_outputs(view, shared, first_tile, first_k + kRound);
}

Execution prepare(const Problem& problem) {
  const Convolution g = convolution(problem, F2::kOutputs);
  View view = {};
  view.tiling = Tiling(g);
  view.filter_blocks = static_cast<int>(blocks_for(g.k, kFilters));
  view.filters = view.filter_blocks * kFilters;
  view.depth = static_cast<int>(blocks_for(g.c, kDepth)) * kDepth;
  const unsigned blocks = static_cast<unsigned>(view.filter_blocks) * blocks_for(g.tiles, kLines);
  const std::size_t workspace = kPositions * static_cast<std::size_t>(view.depth) *
                                static_cast<std::size_t>(view.filters) * sizeof(float);
  return {workspace, [view, blocks, epilogue = EpilogueBinder(problem),
                      prologue = PrologueBinder(problem)](const Args& args, Stream& stream) {
            View bound = view;
            auto* u = static_cast<float*>(args.workspace);
            bound.in = args.in<float>(0);
            bound.u = u;
            bound.out = args.out<float>(0);
            bound.epilogue = epilogue.bind<float>(args);
            bound.normaliser = prologue.bind(args);
            launch_transform_filters<F2>(stream, "winograd_2x2_filters", args.in<float>(1), u,
                                         view.tiling.g, view.depth, view.filters);
            launch(
                stream, "winograd_2x2",
                {.grid = {blocks, 1, 1}, .block = {kThreads, 1, 1}, .shared_bytes = kSharedBytes},
                prologue.normalises() ? multiply<true> : multiply<false>, bound);
          }};
}

// Note [When F(2x2) pays].
bool pays(const Problem& problem) {
  const Convolution g = convolution(problem, F2::kOutputs);
  const int64_t filter_floats = int64_t{9 + 2 * kPositions} * g.c * g.k;
  const split_k::Steps steps = implicit_gemm::steps_of(problem);
  const split_k::Product plain = g.turned ? split_k::input_gradient_product(problem, steps)
                                          : split_k::forward_product(problem, steps);
  return winograd::pays({.lines = g.tiles,
                         .filters = g.k,
                         .depth = g.c,
                         .results = F2::kOutputs * F2::kOutputs,
                         .splits = 1,
                         .more_bytes = 4.0 * static_cast<double>(filter_floats)},
                        split_k::least_cycles(plain, implicit_gemm::kTiles));
}

constexpr Engine kEngine = {.name = "winograd_2x2",
                            .device = DeviceType::kCuda,
                            .role = EngineRole::kProduct,
                            .supports = with_prologue<supports>,
                            .prepare = prepare,
                            .chips = {.from = 80},  // cp.async
                            .rounding = {.bounds = bounds<F2>},
                            .pays = pays};

}  // namespace

const Engine kConv2dWinograd2x2 = kEngine;
const Engine kConv2dInputGradientWinograd2x2 = kEngine;

}  // namespace voluta
