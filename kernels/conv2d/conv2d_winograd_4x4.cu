// conv2d and conv2d_input_gradient, algorithm "winograd_4x4": F(4x4,3x3) in four kernels, since the
// 36 positions of a tile do not fit into registers beside enough filters.
//   Y = A^T [ sum_c (G w G^T) (.) (B^T x B) ] A    for output tiles of 4 x 4: conv2d_winograd.h
//                of xhat for x where there is a prologue: kernels/common/prologue.h
//   1. u[36,C,K] = G w G^T      2. v[36,tiles,C] = B^T x B      3. m[36] = v[36] u[36]: 36 products
//   of tiles x C by C x K, by the tiles of conv2d_implicit_gemm.cuh      4. y = e(A^T m A)
//   grid   2: tiles * C threads, 4: tiles * K threads, neighbours in the channel    block 256
//          3: conv2d_implicit_gemm.cuh with 36 groups; smem 2 stages there, none elsewhere
//   regs   1: 32, 2: 64, with a prologue 80, 3: 151, 107, 80 for 128, 64, 32 columns, 4: 42 (sm_90a); 32, 70,
//          80, 139, 103, 80, 40 (sm_80); no spills
//   flops  36 multiply-adds for 144 of implicit_gemm's. A tile takes 264 instructions a channel and
//          140 a filter: for C = K = 64 another 1/6, for 256 1/23.
//   bytes  v is 36/16 of x and m 36/16 of y, each written and read: 5.5 times implicit_gemm's least
//          traffic. It pays where C and K are large. Workspace: u, v and m. Its error bound is 28 times that
//          of the definition (conv2d_winograd.h): plans take it where it was measured alone (--tune).
//   limits 3 x 3, stride 1, dilation 1, one group, f32
//   measured never run on hardware
// Source: Lavin and Gray 2015, arXiv 1509.09308, section 4.3.

#include <voluta/kernels/conv2d/conv2d_engines.h>
#include <voluta/kernels/common/elementwise.cuh>
#include <voluta/kernels/conv2d/conv2d_implicit_gemm.cuh>
#include <voluta/kernels/conv2d/conv2d_winograd.cuh>

namespace voluta {
namespace {

using namespace winograd;

constexpr int kBlock = 256;
constexpr int kPositions = 36;

__device__ int thread_index() {
  return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
}

// position * rows * columns, of a matrix [36, rows, columns].
__device__ std::size_t position_offset(int position, int rows, int columns) {
  return static_cast<std::size_t>(position) * static_cast<std::size_t>(rows) *
         static_cast<std::size_t>(columns);
}

template <bool kPrologue>
__global__ void __launch_bounds__(kBlock)
    transform_inputs(const float* in, float* v, Tiling tiling, FastDivisor by_c,
                     Normaliser normaliser) {
  const Convolution& g = tiling.g;
  int tile = thread_index();
  if (tile >= g.tiles * g.c) return;
  float* at = v + tile;
  const int c = by_c.take_remainder(tile);
  const Place place = tiling.place<F4>(tile);
  float inputs[6][6], out[6][6];
  tiling.load<F4>(in, place, c, true, inputs);
  if constexpr (kPrologue) tiling.normalise<F4>(normaliser, place, c, inputs);
  transform<F4::Input>(inputs, out);
#pragma unroll
  for (int i = 0; i < kPositions; ++i) at[position_offset(i, g.tiles, g.c)] = out[i / 6][i % 6];
}

__global__ void __launch_bounds__(kBlock)
    transform_outputs(const float* m, float* out, Epilogue<float> epilogue, Tiling tiling,
                      FastDivisor by_k) {
  const Convolution& g = tiling.g;
  int tile = thread_index();
  if (tile >= g.tiles * g.k) return;
  const float* at = m + tile;
  const int k = by_k.take_remainder(tile);
  float products[6][6], outputs[4][4];
#pragma unroll
  for (int i = 0; i < kPositions; ++i) {
    products[i / 6][i % 6] = at[position_offset(i, g.tiles, g.k)];
  }
  transform<F4::Output>(products, outputs);
  tiling.store<F4>(out, tiling.place<F4>(tile), k, epilogue, outputs);
}

// m[position] = v[position] u[position]: 36 groups of the tiled product.
struct ProductView {
  using Element = float;
  using Out = float;
  using Place = implicit_gemm::Tile;

  const float *v, *u;  // [36,tiles,C], [36,C,K]
  float* m;            // [36,tiles,K]
  int tiles, c, k;
  bool vector_store;
  implicit_gemm::Grid grid;

  template <int kRows, int kColumns>
  __device__ Place place(int block) const {
    Place place = grid.tile<kRows, kColumns>(block);
    place.rows = tiles;
    place.columns = k;
    place.depth_end = c;
    return place;
  }

  using Depth = int;
  __device__ Depth decode(const Place&, int depth) const { return depth; }

  struct A {
    static constexpr bool kDepthFastest = true;
    using Line = int;  // offset of v[position, tile, 0]
    __device__ static const float* data(const ProductView& view, const Place& place) {
      return view.v + position_offset(place.group, view.tiles, view.c);
    }
    __device__ static Line line(const ProductView& view, const Place&, int row) {
      return row * view.c;
    }
    __device__ static int offset(const ProductView&, const Place&, Line line, Depth depth) {
      return line + depth;
    }
  };

  struct B {
    static constexpr bool kDepthFastest = false;
    using Line = int;  // k
    __device__ static const float* data(const ProductView& view, const Place& place) {
      return view.u + position_offset(place.group, view.c, view.k);
    }
    __device__ static Line line(const ProductView&, const Place&, int column) { return column; }
    __device__ static int offset(const ProductView& view, const Place&, Line column, Depth depth) {
      return depth * view.k + column;
    }
  };

  __device__ float* output(const Place& place, int row) const {
    return m + position_offset(place.group, tiles, k) + row * k;
  }
};

struct Plan {
  Tiling tiling;
  FastDivisor by_c, by_k;
  implicit_gemm::Grid grid;
  EpilogueBinder epilogue;
  PrologueBinder prologue;
};

void run(const Plan& plan, const Args& args, Stream& stream) {
  const Convolution& g = plan.tiling.g;
  auto floats = [](int rows, int columns) {
    return kPositions * static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
  };
  auto* u = static_cast<float*>(args.workspace);
  float* const v = u + floats(g.c, g.k);
  float* const m = v + floats(g.tiles, g.c);
  launch_transform_filters<F4>(stream, "winograd_4x4_filters", args.in<float>(1), u, g, g.c, g.k);
  launch(stream, "winograd_4x4_inputs",
         {.grid = {blocks_for(g.tiles * g.c, kBlock), 1, 1}, .block = {kBlock, 1, 1}},
         plan.prologue.normalises() ? transform_inputs<true> : transform_inputs<false>,
         args.in<float>(0), v, plan.tiling, plan.by_c, plan.prologue.bind(args));
  const ProductView product = {
      .v = v,
      .u = u,
      .m = m,
      .tiles = g.tiles,
      .c = g.c,
      .k = g.k,
      .vector_store = implicit_gemm::whole_chunks<float>(g.k) && aligned16(m),
      .grid = plan.grid};
  implicit_gemm::launch_multiply(stream, "winograd_4x4_product", product,
                                 implicit_gemm::tile_size(g.k));
  launch(stream, "winograd_4x4_outputs",
         {.grid = {blocks_for(g.tiles * g.k, kBlock), 1, 1}, .block = {kBlock, 1, 1}},
         transform_outputs, m, args.out<float>(0), plan.epilogue.bind<float>(args), plan.tiling,
         plan.by_k);
}

Execution prepare(const Problem& problem) {
  const Convolution g = convolution(problem, F4::kOutputs);
  const Plan plan = {
      .tiling = Tiling(g),
      .by_c = FastDivisor(g.c),
      .by_k = FastDivisor(g.k),
      .grid = implicit_gemm::make_grid(implicit_gemm::tile_size(g.k), g.tiles, g.k, kPositions),
      .epilogue = EpilogueBinder(problem),
      .prologue = PrologueBinder(problem)};
  const auto c = static_cast<std::size_t>(g.c), k = static_cast<std::size_t>(g.k),
             tiles = static_cast<std::size_t>(g.tiles);
  return {kPositions * (c * k + tiles * c + tiles * k) * sizeof(float),
          [plan](const Args& args, Stream& stream) { run(plan, args, stream); }};
}

constexpr Engine kEngine = {.name = "winograd_4x4",
                            .device = DeviceType::kCuda,
                            .role = EngineRole::kProduct,
                            .supports = with_prologue<supports>,
                            .prepare = prepare,
                            .rounding = {.bounds = bounds<F4>, .exact_on_integers = false}};

}  // namespace

const Engine kConv2dWinograd4x4 = kEngine;
const Engine kConv2dInputGradientWinograd4x4 = kEngine;

}  // namespace voluta
