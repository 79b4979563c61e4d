// conv2d_filter_gradient, algorithm "winograd_2x2": the filter gradient of F(2x2,3x3). The sum over pixels is
// long and the result small, so tiles are split over blocks; a second kernel adds the parts in the order of
// their number.
//   dw = G^T [ sum_tiles (B^T x B) (.) (A dy A^T) ] G    of tiles of 2 x 2 of dy: conv2d_winograd.h
//               of xhat for x where there is a prologue: kernels/common/prologue.h
//   grid   (C / 32, K / 64, splits; flattened)    block, smem, maps: conv2d_winograd_2x2.cuh
//   regs   239, with a prologue 244 (sm_90a); 252, 254 (sm_80); no spills
//   maps   a stage: 8 tiles of 32 channels of x and of 64 of dy. Thread (tile t/32, channel t%32) loads 4 x 4
//          inputs, and (tiles t/64 and 4 + t/64, filter t%64) twice 2 x 2 gradients: a warp reads 32 neighbours
//          in the channel. They are transformed in registers, which hold the next stage's while one is multiplied.
//          At the end the 16 positions of a channel and filter meet in shared memory, 32 filters at a time.
//   order  tiles of a part in their order, then parts: two runs agree bit for bit
//   flops  16 multiply-adds for 36 of implicit_gemm's. A channel of a tile takes 32 additions (again for each 64
//          filters), a filter 12 (again for each 32 channels): for C = K = 64 another 1/24 of the instructions.
//   bytes  x is read 4 times for each 64 filters, dy once for each 32 channels, mostly from L2
//   workspace parts[splits, K, 3, 3, C] where splits > 1
//   limits 3 x 3, stride 1, dilation 1, one group, f32. Fewer than 32 channels or 64 filters leave products
//          unused.
//   measured never run on hardware
// Source: Lavin and Gray 2015, arXiv 1509.09308, equation 9, of which this is the derivative by w.

#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/common/partial_sums.cuh>
#include <voluta/kernels/conv2d/conv2d_winograd_2x2.cuh>

#include <algorithm>

namespace voluta {
namespace {

using namespace winograd;

struct View {
  const float* x;         // [N,H,W,C]
  const float* dy;        // [N,P,Q,K]
  float* parts;           // [splits, K, 3, 3, C]
  Normaliser normaliser;  // with a prologue
  Tiling tiling;
  int channel_blocks, filter_blocks, splits;
};

// What a block computes: of channels and filters from the first on, the tiles of steps [begin, end).
struct Part {
  int first_c, first_k, split, begin, end;

  __device__ Part(const View& view, int block)
      : first_c(block % view.channel_blocks * kLines),
        first_k(block / view.channel_blocks % view.filter_blocks * kFilters),
        split(block / view.channel_blocks / view.filter_blocks) {
    const int steps = (view.tiling.g.tiles + kDepth - 1) / kDepth;
    begin = split_k::first_step(steps, split, view.splits);
    end = split_k::first_step(steps, split + 1, view.splits);
  }
};

// A thread's share of the way of one step's tiles from memory through registers to a stage.
template <bool kPrologue>
class Loader {
 public:
  __device__ Loader(const View& view, const Part& part)
      : view_(view), c_(part.first_c + thread() % kLines), k_(part.first_k + thread() % kFilters) {}

  __device__ void fetch(int step) {
    const Tiling& tiling = view_.tiling;
    const int tile = step * kDepth + thread() / kLines;
    valid_ = c_ < tiling.g.c && tile < tiling.g.tiles;
    place_ = tiling.place<F2>(valid_ ? tile : 0);
    tiling.load<F2>(view_.x, place_, c_, valid_, x_);
#pragma unroll
    for (int i = 0; i < kGradients; ++i) {
      const int of = step * kDepth + gradient_tile(i);
      const bool valid = k_ < tiling.g.k && of < tiling.g.tiles;
      tiling.load_outputs<F2>(view_.dy, tiling.place<F2>(valid ? of : 0), k_, valid, dy_[i]);
    }
  }

  // u [16][8 tiles][64 filters], v [16][8 tiles][32 channels].
  __device__ void store(float* u, float* v) {
    if constexpr (kPrologue) {
      if (valid_) view_.tiling.template normalise<F2>(view_.normaliser, place_, c_, x_);
    }
    put<F2::Input, kLines>(x_, v + thread());
#pragma unroll
    for (int i = 0; i < kGradients; ++i) {
      put<Transposed<F2::Output>, kFilters>(dy_[i],
                                            u + gradient_tile(i) * kFilters + thread() % kFilters);
    }
  }

 private:
  static constexpr int kGradients = kDepth * kFilters / kThreads;

  __device__ static int thread() {
    return static_cast<int>(threadIdx.x);
  }
  __device__ static int gradient_tile(int i) {
    return i * (kThreads / kFilters) + thread() / kFilters;
  }

  template <class Matrix, int kWidth>
  __device__ static void put(const float (&tile)[Matrix::kColumns][Matrix::kColumns], float* to) {
    float transformed[4][4];
    transform<Matrix>(tile, transformed);
#pragma unroll
    for (int i = 0; i < kPositions; ++i) to[i * kDepth * kWidth] = transformed[i / 4][i % 4];
  }

  const View& view_;
  int c_, k_;
  bool valid_ = false;  // whether x_ is a tile's
  Place place_ = {};
  float x_[4][4], dy_[kGradients][2][2];
};

// met[16][32 filters][32 channels], where quads of channels lie so that threads of different filters have
// different banks.
__device__ int met_at(int position, int filter, int channel) {
  const int quad = channel / 4 ^ filter / 4;
  return (position * kRound + filter) * kLines + quad * 4 + channel % 4;
}

// Filters 32 half .. 32 half + 31 of what the lanes hold.
template <int kHalf>
__device__ void gather(const Sums& sums, float* met) {
#pragma unroll
  for (int position = 0; position < 2; ++position) {
    const auto& of = sums.of[position];
#pragma unroll
    for (int filter = 0; filter < 4; ++filter) {
      constexpr int kFirst = 4 * kHalf;
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float* quad = met + met_at(2 * Sums::warp() + position, Sums::filter() + filter,
                                   16 * half + Sums::line());
        *reinterpret_cast<float4*>(quad) =
            make_float4(of[4 * half][kFirst + filter], of[4 * half + 1][kFirst + filter],
                        of[4 * half + 2][kFirst + filter], of[4 * half + 3][kFirst + filter]);
      }
    }
  }
}

// Transforms back and stores 32 channels x 32 filters; a warp writes neighbours in the channel.
__device__ void store_filters(const View& view, const Part& part, const float* met, int first_k) {
  const Convolution& g = view.tiling.g;
  const int lane = static_cast<int>(threadIdx.x) % kLines, c = part.first_c + lane;
  if (c >= g.c) return;
  for (int i = static_cast<int>(threadIdx.x) / kLines; i < kRound; i += kThreads / kLines) {
    if (first_k + i >= g.k) return;
    float products[4][4], filter[3][3];
#pragma unroll
    for (int j = 0; j < kPositions; ++j) products[j / 4][j % 4] = met[met_at(j, i, lane)];
    transform<Transposed<F2::Filter>>(products, filter);
    float* at = view.parts + (int64_t{part.split} * g.k + first_k + i) * 9 * g.c + c;
#pragma unroll
    for (int tap = 0; tap < 9; ++tap) at[tap * g.c] = filter[tap / 3][tap % 3];
  }
}

template <bool kPrologue>
__global__ void __launch_bounds__(kThreads) multiply(View view) {
  VOLUTA_DYNAMIC_SHARED(float, shared);
  float* const u = shared;                     // 2 stages of [16][8][64]
  float* const v = shared + 2 * kFilterStage;  // 2 stages of [16][8][32]
  const Part part(view, static_cast<int>(blockIdx.x));
  Loader<kPrologue> loader(view, part);
  Sums sums = {};
  loader.fetch(part.begin);
  loader.store(u, v);
  for (int step = part.begin, stage = 0; step < part.end; ++step, stage ^= 1) {
    __syncthreads();  // this stage is written, and the other one read
    const bool more = step + 1 < part.end;
    if (more) loader.fetch(step + 1);
    sums.add(u + stage * kFilterStage, v + stage * kLineStage,
             [](int tile, int half, int line) { return tile * kLines + half * 16 + line; });
    if (more) loader.store(u + (stage ^ 1) * kFilterStage, v + (stage ^ 1) * kLineStage);
  }

  __syncthreads();
  gather<0>(sums, shared);
  __syncthreads();
  store_filters(view, part, shared, part.first_k);
  __syncthreads();
  gather<1>(sums, shared);
  __syncthreads();
  store_filters(view, part, shared, part.first_k + kRound);
}

Execution prepare(const Problem& problem) {
  const Convolution g = convolution(problem, F2::kOutputs);
  View view = {};
  view.tiling = Tiling(g);
  view.channel_blocks = static_cast<int>(blocks_for(g.c, kLines));
  view.filter_blocks = static_cast<int>(blocks_for(g.k, kFilters));
  view.splits = filter_gradient_splits(g);
  const auto blocks = static_cast<unsigned>(view.channel_blocks * view.filter_blocks * view.splits);
  const int64_t elements = problem.outputs[0].shape.elements();
  const std::size_t parts_bytes =
      view.splits > 1 ? static_cast<std::size_t>(view.splits) * problem.outputs[0].bytes() : 0;
  return {
      parts_bytes, [view, blocks, elements, prologue = PrologueBinder(problem)](const Args& args,
                                                                                Stream& stream) {
        View bound = view;
        bound.x = args.in<float>(0);
        bound.dy = args.in<float>(1);
        bound.parts = view.splits > 1 ? static_cast<float*>(args.workspace) : args.out<float>(0);
        bound.normaliser = prologue.bind(args);
        launch(stream, "conv2d_filter_gradient_winograd_2x2",
               {.grid = {blocks, 1, 1}, .block = {kThreads, 1, 1}, .shared_bytes = kSharedBytes},
               prologue.normalises() ? multiply<true> : multiply<false>, bound);
        if (view.splits == 1) return;
        launch_add_partial_sums(stream, "conv2d_filter_gradient_add_parts", bound.parts,
                                args.out<float>(0), elements, view.splits);
      }};
}

// Cycles of "implicit_gemm" in the tiles and parts that it takes.
double plain_cycles(const Conv2dGeometry& g) {
  const split_k::Product product = {
      .rows = g.k,
      .columns = 9 * g.c,
      .count = 1,
      .steps = blocks_for(g.n * g.p * g.q, implicit_gemm::kTileDepth)};
  const int width = implicit_gemm::tile_size(product.columns).columns;
  const auto tile = std::ranges::find(implicit_gemm::kTiles, width,
                                      [](const split_k::TileCost& of) { return of.tile.columns; });
  return split_k::cycles(product, *tile, implicit_gemm::filter_gradient_splits(g));
}

// Note [When F(2x2) pays]. The parts are counted with the splits.
bool pays(const Problem& problem) {
  const Convolution g = convolution(problem, F2::kOutputs);
  return winograd::pays({.lines = g.c,
                         .filters = g.k,
                         .depth = g.tiles,
                         .results = 9,
                         .splits = filter_gradient_splits(g),
                         .more_bytes = 0},
                        plain_cycles(conv2d_geometry(problem)));
}

}  // namespace

const Engine kConv2dFilterGradientWinograd2x2 = {.name = "winograd_2x2",
                                                 .device = DeviceType::kCuda,
                                                 .role = EngineRole::kProduct,
                                                 .supports = with_prologue<supports>,
                                                 .prepare = prepare,
                                                 .rounding = {.bounds = filter_gradient_bounds},
                                                 .pays = pays};

}  // namespace voluta
