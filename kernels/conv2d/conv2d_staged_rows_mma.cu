// conv2d, algorithm "staged_rows_mma" (bf16, f16): for pictures of a few channels, the first layer of a
// network. Gathering their windows element by element costs more than multiplying them; but a row of a
// window is a run of S*C neighbours in memory, and windows side by side share most of it. So a block
// copies the rows of x under its 128 pixels into shared memory as they are, and a lane finds its operand's
// pairs of neighbours there.
//   y[n,p,q,k] = e(sum_{r,s,c} x[n, p*u-top+r, q*v-left+s, c] * w[k,r,s,c])
//                e: kernels/common/epilogue.cuh
//   rows N*P*Q, columns K, depth R runs of S*C elements, each with a zero where that is odd, and zeros up
//   to a multiple of 16
//   grid   (blocks that go through tiles of 128 pixels, tiles of 64 filters)     block 128
//   smem   filters 64 x (depth + 8), rows of x, whose place outputs of 16 KiB take: 39 KiB for 7 x 7 x 3, stride 2;
//          86 KiB for 11 x 11 x 3, stride 4
//   regs   160, 168 (sm_80), 159, 165 (sm_90a) of windows that begin at even elements, at any: three blocks an SM,
//          as far as their memory leaves room
//   maps   2 x 2 warps, each 64 pixels x 32 filters; rows of x as in conv2d_staged_rows.cuh
//   limits fewer than 8 channels, one group, no dilation, up to 96 KiB of shared memory; fewer than 2^31
//          elements a tensor
//   bound  memory: with 64 filters a pixel of y is 128 bytes, its part of x a few
//   measured never run on hardware

#include <voluta/kernels/conv2d/conv2d_forward_outputs.cuh>
#include <voluta/kernels/conv2d/conv2d_staged_rows.cuh>

namespace voluta::staged_rows_mma {
namespace {

using implicit_gemm::ForwardOutputs;
using implicit_gemm::Tile;
using mma_product::WarpProduct;

constexpr int kFilterPad = 8;  // elements: the 8 filters x 4 pairs that lanes read lie in 32 banks

struct Shape {
  static constexpr int kRows = kPixels, kColumns = 64, kWarpRows = 64, kWarpColumns = 32;
  static constexpr int kSharedBytes = kRows * kColumns * 2;
};

// Where two neighbours of the depth lie, from the first element of a pixel's window; `mask` has zeros for
// those that are no elements of a window.
struct Pair {
  int offset;
  uint32_t mask;
};

// Places in shared memory, in bytes, and the extents behind them.
struct Layout {
  int run, depth, row_pitch;
  int rows_at, pairs_at, first_at, bytes;

  explicit Layout(const Conv2dGeometry& g) {
    const auto even = [](int64_t x) { return static_cast<int>((x + 1) / 2 * 2); };
    run = even(g.s * g.c);
    depth = static_cast<int>((g.r * run + 15) / 16 * 16);
    row_pitch = static_cast<int>(staged_rows_mma::row_pitch(g, 1));
    rows_at = Shape::kColumns * (depth + kFilterPad) * 2;
    const int64_t rows_bytes = (g.r * row_pitch + 2) * 2;
    pairs_at = rows_at +
               static_cast<int>(std::max<int64_t>(round_up(rows_bytes, 16), Shape::kSharedBytes));
    first_at = pairs_at + depth / 2 * static_cast<int>(sizeof(Pair));
    bytes = first_at + Shape::kRows * static_cast<int>(sizeof(int));
  }
};

template <class T>
struct View : ForwardOutputs<T> {
  const T* x;  // [N,H,W,C]
  const T* w;  // [K,R,S,C]
  FastDivisor by_q, by_p, by_run;
  Layout layout;
  int row_tiles;
};

// The block's shared memory.
template <class T>
struct Memory {
  uint16_t *filters, *rows;  // [64, depth + 8]; [R, row_pitch]
  unsigned char* outputs;    // in the place of rows
  Pair* pairs;               // [depth / 2]
  int* first;                // [128], elements from `rows`

  __device__ Memory(unsigned char* shared, const Layout& at)
      : filters(reinterpret_cast<uint16_t*>(shared)),
        rows(reinterpret_cast<uint16_t*>(shared + at.rows_at)),
        outputs(shared + at.rows_at),
        pairs(reinterpret_cast<Pair*>(shared + at.pairs_at)),
        first(reinterpret_cast<int*>(shared + at.first_at)) {}
};

// Once a block: the filters of its columns, and where the pairs of the depth lie.
template <class T>
__device__ void stage_filters(const View<T>& view, const Memory<T>& memory, int first_filter) {
  const Layout& at = view.layout;
  const int window = view.g.s * view.g.c, pitch = at.depth + kFilterPad;
  for (int i = static_cast<int>(threadIdx.x); i < at.depth / 2; i += kThreads) {
    int r = 2 * i;
    const int within = view.by_run.take_remainder(r);
    const bool exists = r < view.g.r;
    memory.pairs[i].offset = exists ? r * at.row_pitch + within : 0;
    memory.pairs[i].mask = !exists ? 0u : within + 1 < window ? 0xffffffffu : 0xffffu;
  }
  for (int i = static_cast<int>(threadIdx.x); i < Shape::kColumns * at.depth; i += kThreads) {
    const int column = i / at.depth, depth = i % at.depth, k = first_filter + column;
    int r = depth;
    const int within = view.by_run.take_remainder(r);
    const bool exists = k < view.g.k && r < view.g.r && within < window;
    memory.filters[column * pitch + depth] =
        exists ? bits_of(view.w)[(k * view.g.r + r) * window + within] : uint16_t{0};
  }
}

template <bool kAligned>
__device__ uint32_t load_pair(const uint16_t* from) {
  if constexpr (kAligned) {
    return *reinterpret_cast<const uint32_t*>(from);
  } else {
    return uint32_t{from[1]} << 16 | from[0];
  }
}

// Fragments as in tensor_core.cuh: lane 4 g + t has pixels g and g + 8, and of the depth the pairs t of
// both halves.
template <class T, bool kAligned, class Product>
__device__ void multiply(const Memory<T>& memory, const Layout& at, Product& product) {
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int g = lane / 4, t = lane % 4;
  const int warp_row = warp / 2 * Shape::kWarpRows, warp_column = warp % 2 * Shape::kWarpColumns;
  const uint16_t* windows[Product::kRowFragments][2];
#pragma unroll
  for (int i = 0; i < Product::kRowFragments; ++i) {
    windows[i][0] = memory.rows + memory.first[warp_row + i * 16 + g];
    windows[i][1] = memory.rows + memory.first[warp_row + i * 16 + g + 8];
  }
  const uint16_t* filter = memory.filters + (warp_column + g) * (at.depth + kFilterPad) + 2 * t;
  for (int step = 0; step < at.depth / 16; ++step) {
    const Pair pairs[2] = {memory.pairs[step * 8 + t], memory.pairs[step * 8 + 4 + t]};
    uint32_t b[Product::kColumnFragments][2];
#pragma unroll
    for (int j = 0; j < Product::kColumnFragments; ++j) {
      const uint16_t* from = filter + j * 8 * (at.depth + kFilterPad) + step * 16;
      b[j][0] = load_pair<true>(from);
      b[j][1] = load_pair<true>(from + 8);
    }
#pragma unroll
    for (int i = 0; i < Product::kRowFragments; ++i) {
      uint32_t a[4];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const Pair& pair = pairs[half];
        a[2 * half] = load_pair<kAligned>(windows[i][0] + pair.offset) & pair.mask;
        a[2 * half + 1] = load_pair<kAligned>(windows[i][1] + pair.offset) & pair.mask;
      }
#pragma unroll
      for (int j = 0; j < Product::kColumnFragments; ++j) {
        mma_product::multiply<T>(product.sum[i][j], a, b[j]);
      }
    }
  }
}

template <class T, bool kAligned>
__global__ void __launch_bounds__(kThreads, 3) conv2d_staged_rows_mma(View<T> view) {
  VOLUTA_DYNAMIC_SHARED(unsigned char, shared);
  const Memory<T> memory(shared, view.layout);
  Tile place = {};
  place.rows = view.g.n * view.g.p * view.g.q;
  place.columns = view.g.k;
  place.first_column = static_cast<int>(blockIdx.y) * Shape::kColumns;
  stage_filters(view, memory, place.first_column);
  for (int tile = static_cast<int>(blockIdx.x); tile < view.row_tiles;
       tile += static_cast<int>(gridDim.x)) {
    place.first_row = tile * Shape::kRows;
    stage_rows<1>(view, memory.rows, place.first_row, 0, view.g.r);
    memory.first[threadIdx.x] = find_window<1>(view, place.first_row);
    __syncthreads();
    WarpProduct<T, Shape::kWarpRows, Shape::kWarpColumns> product = {};
    multiply<T, kAligned>(memory, view.layout, product);
    __syncthreads();  // outputs take the place of rows
    mma_product::finish_tile<View<T>, Shape>(view, place, product, memory.outputs);
    __syncthreads();  // and rows that of outputs
  }
}

Support supports(const Problem& problem) {
  if (Support limits = within_limits(problem); !limits.ok) return limits;
  const Conv2dGeometry g = conv2d_geometry(problem);
  const int64_t elements =
      Shape::kColumns * (g.r * (g.s * g.c + 1) + 16 + kFilterPad) + staged_elements(g, 1, g.r);
  return elements < kMostElements && Layout(g).bytes <= kMostShared ? Support::yes() : too_large();
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const int64_t row_tiles = blocks_for(g.n * g.p * g.q, Shape::kRows);
  return {
      0, [=, epilogue = EpilogueBinder(problem)](const Args& args, Stream& stream) {
        View<T> view{{},
                     args.in<T>(0),
                     args.in<T>(1),
                     FastDivisor(g.q),
                     FastDivisor(g.p),
                     FastDivisor(Layout(g).run),
                     Layout(g),
                     static_cast<int>(row_tiles)};
        view.g = kernel_geometry(g);
        view.bind(args, epilogue);
        // As many blocks as run at once.
        const int64_t columns = blocks_for(g.k, Shape::kColumns);
        const int64_t at_once = blocks_at_once(stream.device(), view.layout.bytes, 3);
        const int64_t blocks = std::min(row_tiles, std::max<int64_t>(at_once / columns, 1));
        const bool aligned = g.v * g.c % 2 == 0;  // else every other window begins at an odd one
        launch(stream, "conv2d_staged_rows_mma",
               {.grid = {static_cast<unsigned>(blocks), static_cast<unsigned>(columns), 1},
                .block = {kThreads, 1, 1},
                .shared_bytes = static_cast<std::size_t>(view.layout.bytes)},
               aligned ? conv2d_staged_rows_mma<T, true> : conv2d_staged_rows_mma<T, false>, view);
      }};
}

Execution prepare(const Problem& problem) {
  return problem.inputs[0].dtype == DType::bf16 ? prepare_as<BFloat16>(problem)
                                                : prepare_as<Float16>(problem);
}

}  // namespace
}  // namespace voluta::staged_rows_mma

namespace voluta {

const Engine kConv2dStagedRowsMma = mma_product::half_engine<staged_rows_mma::supports>(
    "staged_rows_mma", staged_rows_mma::prepare);

}  // namespace voluta
