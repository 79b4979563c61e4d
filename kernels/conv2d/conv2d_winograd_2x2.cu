// conv2d and conv2d_input_gradient, algorithm "winograd_2x2": F(2x2,3x3), in one kernel but for the
// filters, whose transforms u[16,C,K] (C to whole 8, K to whole 64) lie in the workspace.
//   Y = A^T [ sum_c (G w G^T) (.) (B^T x B) ] A    for output tiles of 2 x 2: conv2d_winograd.h
//   grid   (K / 64, tiles / 32; flattened)    block 256    smem 2 stages x 48 KiB
//   regs   242, transform_filters 32, no spills (sm_90a)
//   maps   a stage: 8 channels of 32 tiles and of 64 filters. Thread (tile t/8, channel t%8) loads
//          4 x 4 inputs and transforms them in registers into v[16][8][32]. Warp w multiplies
//          positions 2w and 2w+1, each 32 tiles x 64 filters of depth 8; its lane (i,j), 4 x 8 of
//          them, owns 8 x 8: tiles 4i.., 16+4i.., filters 4j.., 32+4j..
//          At the end the 16 positions of a tile meet in shared memory, 32 filters at a time.
//   The quads of v are stored at (quad ^ channel), so that no store and no load has a bank
//   conflict. While a stage is multiplied, filters of the next come by cp.async, inputs through
//   registers. Channels are added up in their order: two runs agree bit for bit.
//   flops  16 multiply-adds for 36 of implicit_gemm's. A tile takes 32 additions a channel (again
//          for each 64 filters) and 24 a filter: for C = K = 64 another 1/18 of the instructions.
//   bytes  x is read 4 times for each 64 filters (tiles of 4 x 4 overlap), where implicit_gemm
//          gathers it 9 times for each 128, both mostly from L2. u is 16/9 of w, written and read.
//   limits 3 x 3, stride 1, dilation 1, one group, f32; sm_80 and later. Fewer than 64 filters
//          leave products unused.
//   measured never run on hardware
// Source: Lavin and Gray 2015, arXiv 1509.09308; the blocking is that of Yan, Wang and Chu 2020,
// "Optimizing batched Winograd convolution on GPUs".

#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/common/async_copy.cuh>
#include <voluta/kernels/conv2d/conv2d_winograd.cuh>

namespace voluta {
namespace {

using namespace winograd;

constexpr int kThreads = 256;
constexpr int kTiles = 32, kFilters = 64, kDepth = 8, kPositions = 16;
constexpr int kFilterStage = kPositions * kDepth * kFilters;  // floats
constexpr int kInputStage = kPositions * kDepth * kTiles;
constexpr int kRound = 32;  // filters whose positions meet at a time
constexpr std::size_t kSharedBytes = 2 * (kFilterStage + kInputStage) * sizeof(float);
static_assert(kPositions * kTiles * kRound * sizeof(float) <= kSharedBytes);

struct View {
  const float* in;  // [N,H,W,C]
  const float* u;   // [16, depth, filters]
  float* out;       // [N,P,Q,K]
  Epilogue<float> epilogue;
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
  return channel * kTiles + ((half * 16) ^ (channel / 4 * 16)) + (tile ^ (channel % 4 * 4));
}

__device__ void store_inputs(const float (&tile)[4][4], float* stage) {
  const int thread = static_cast<int>(threadIdx.x);
  const int tile_index = thread / kDepth;
  float* at = stage + swizzled(thread % kDepth, tile_index / 16, tile_index % 16);
  float transformed[4][4];
  transform<F2::Input>(tile, transformed);
#pragma unroll
  for (int i = 0; i < kPositions; ++i) at[i * kDepth * kTiles] = transformed[i / 4][i % 4];
}

__device__ void load_quad(const float* shared, float* registers) {
  const float4 quad = *reinterpret_cast<const float4*>(shared);
  registers[0] = quad.x;
  registers[1] = quad.y;
  registers[2] = quad.z;
  registers[3] = quad.w;
}

// The sums of a lane: for 2 positions, 8 tiles x 8 filters.
struct Sums {
  float of[2][8][8];

  __device__ static int warp() { return static_cast<int>(threadIdx.x) / 32; }
  __device__ static int tile() { return static_cast<int>(threadIdx.x) % 32 / 8 * 4; }
  __device__ static int filter() { return static_cast<int>(threadIdx.x) % 8 * 4; }

  __device__ void add(const float* u, const float* v) {
#pragma unroll
    for (int c = 0; c < kDepth; ++c) {
#pragma unroll
      for (int position = 0; position < 2; ++position) {
        const int matrix = (2 * warp() + position) * kDepth;
        float tiles[8], filters[8];
        load_quad(v + matrix * kTiles + swizzled(c, 0, tile()), tiles);
        load_quad(v + matrix * kTiles + swizzled(c, 1, tile()), tiles + 4);
        load_quad(u + (matrix + c) * kFilters + filter(), filters);
        load_quad(u + (matrix + c) * kFilters + 32 + filter(), filters + 4);
#pragma unroll
        for (int i = 0; i < 8; ++i) {
#pragma unroll
          for (int j = 0; j < 8; ++j) {
            of[position][i][j] = fmaf(tiles[i], filters[j], of[position][i][j]);
          }
        }
      }
    }
  }

  // Filters 32 half .. 32 half + 31 to met[16][32 tiles][32 filters].
  template <int kHalf>
  __device__ void gather(float* met) const {
#pragma unroll
    for (int position = 0; position < 2; ++position) {
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        const int row = (2 * warp() + position) * kTiles + i / 4 * 16 + tile() + i % 4;
        const float* quad = &of[position][i][4 * kHalf];
        *reinterpret_cast<float4*>(met + row * kRound + filter()) =
            make_float4(quad[0], quad[1], quad[2], quad[3]);
      }
    }
  }
};

// Transforms back and stores 32 tiles x 32 filters.
__device__ void store_outputs(const View& view, const float* met, int first_tile, int first_k) {
  const int lane = static_cast<int>(threadIdx.x) % kRound, k = first_k + lane;
  if (k >= view.tiling.g.k) return;
  for (int i = static_cast<int>(threadIdx.x) / kRound; i < kTiles; i += kThreads / kRound) {
    if (first_tile + i >= view.tiling.g.tiles) return;
    float products[4][4], tile[2][2];
#pragma unroll
    for (int j = 0; j < kPositions; ++j) {
      products[j / 4][j % 4] = met[(j * kTiles + i) * kRound + lane];
    }
    transform<F2::Output>(products, tile);
    view.tiling.store<F2>(view.out, view.tiling.place<F2>(first_tile + i), k, view.epilogue, tile);
  }
}

__global__ void __launch_bounds__(kThreads) multiply(View view) {
  VOLUTA_DYNAMIC_SHARED(float, shared);
  float* const u = shared;                     // 2 stages of [16][8][64]
  float* const v = shared + 2 * kFilterStage;  // 2 stages of [16][8][32]
  const int block = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  const int first_k = block % view.filter_blocks * kFilters;
  const int first_tile = block / view.filter_blocks * kTiles;
  const int tile = first_tile + thread / kDepth, channels = view.tiling.g.c;
  const bool valid = tile < view.tiling.g.tiles;
  const Place place = view.tiling.place<F2>(valid ? tile : 0);

  Sums sums = {};
  float inputs[4][4];
  int c = thread % kDepth;
  start_filters(view, u, 0, first_k);
  view.tiling.load<F2>(view.in, place, c, valid && c < channels, inputs);
  store_inputs(inputs, v);
  for (int depth = 0, stage = 0; depth < view.depth; depth += kDepth, stage ^= 1) {
    wait_copies<0>();
    __syncthreads();  // this stage is written, and the other one read
    const bool more = depth + kDepth < view.depth;
    if (more) {
      c += kDepth;
      start_filters(view, u + (stage ^ 1) * kFilterStage, depth + kDepth, first_k);
      view.tiling.load<F2>(view.in, place, c, valid && c < channels, inputs);
    }
    sums.add(u + stage * kFilterStage, v + stage * kInputStage);
    if (more) store_inputs(inputs, v + (stage ^ 1) * kInputStage);
  }

  __syncthreads();
  sums.gather<0>(shared);
  __syncthreads();
  store_outputs(view, shared, first_tile, first_k);
  __syncthreads();
  sums.gather<1>(shared);
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
  const unsigned blocks = static_cast<unsigned>(view.filter_blocks) * blocks_for(g.tiles, kTiles);
  const std::size_t workspace = kPositions * static_cast<std::size_t>(view.depth) *
                                static_cast<std::size_t>(view.filters) * sizeof(float);
  return {workspace,
          [view, blocks, epilogue = EpilogueBinder(problem)](const Args& args, Stream& stream) {
            View bound = view;
            auto* u = static_cast<float*>(args.workspace);
            bound.in = args.in<float>(0);
            bound.u = u;
            bound.out = args.out<float>(0);
            bound.epilogue = epilogue.bind<float>(args);
            launch_transform_filters<F2>(stream, "winograd_2x2_filters", args.in<float>(1), u,
                                         view.tiling.g, view.depth, view.filters);
            launch(
                stream, "winograd_2x2",
                {.grid = {blocks, 1, 1}, .block = {kThreads, 1, 1}, .shared_bytes = kSharedBytes},
                multiply, bound);
          }};
}

constexpr Chips kChips = {.from = 80};  // cp.async
constexpr Rounding kRounding = {.bounds = bounds<F2>};

}  // namespace

const Engine kConv2dWinograd2x2 = {"winograd_2x2", DeviceType::kCuda, EngineRole::kProduct,
                                   supports,       prepare,           Arithmetic::kFloat,
                                   kChips,         nullptr,           kRounding};
const Engine kConv2dInputGradientWinograd2x2 = {
    "winograd_2x2", DeviceType::kCuda, EngineRole::kProduct,
    supports,       prepare,           Arithmetic::kFloat,
    kChips,         nullptr,           kRounding};

}  // namespace voluta
