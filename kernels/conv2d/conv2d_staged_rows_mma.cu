// conv2d, algorithm "staged_rows_mma" (bf16, f16): for pictures of a few channels, the first layer of a
// network. Gathering their windows element by element costs more than multiplying them; but a row of a
// window is a run of S*C neighbours in memory, and windows side by side share most of it. So a block
// copies the rows of x under its 128 pixels into shared memory as they are, and a lane finds its operand's
// pairs of neighbours there. While a tile is multiplied and stored, the rows of the next one are copied.
//   y[n,p,q,k] = e(sum_{r,s,c} x[n, p*u-top+r, q*v-left+s, c] * w[k,r,s,c])
//                e: kernels/common/epilogue.cuh
//   rows N*P*Q, columns K, depth R runs of S*C elements, each with zeros around it up to a whole number of
//   pairs, and zeros up to a multiple of 16
//   grid   (blocks that go through tiles of 128 pixels, tiles of 64 filters)     block 128
//   smem   filters 64 x (depth + 8), two stages of rows of x, outputs 16 KiB: 61 KiB for 7 x 7 x 3, stride 2. Where
//          three blocks would not fit an SM one stage, whose place the outputs take, and no copies ahead: 86
//          KiB for 11 x 11 x 3, stride 4
//   regs   168, so that three blocks are on an SM as far as their memory leaves room; no spills (sm_80, sm_90a)
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
constexpr int kBlocks = 3;     // on an SM

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

// Whether all windows begin at even elements, or all at odd ones, so that pairs of neighbours are words.
bool aligns(const Conv2dGeometry& g) {
  return g.v * g.c % 2 == 0;
}

// Places in shared memory, in bytes, and the extents behind them. A stage is the rows of a tile and, behind
// them, where its windows begin.
struct Layout {
  int lead;  // zeros in front of a run: 1 where all windows begin at odd elements
  int run, depth, row_pitch;
  int pairs_at, rows_at, stage_bytes, first_at, outputs_at, bytes;
  bool ahead;  // whether there are two stages, and outputs beside them

  Layout(const Conv2dGeometry& g, int chunk) {
    lead = chunk > 1 && aligns(g) ? static_cast<int>(g.left * g.c % 2) : 0;
    run = static_cast<int>(round_up(lead + g.s * g.c, 2));
    depth = static_cast<int>(round_up(g.r * run, 16));
    row_pitch = static_cast<int>(staged_rows_mma::row_pitch(g, chunk));
    pairs_at = Shape::kColumns * (depth + kFilterPad) * 2;
    rows_at = pairs_at + depth / 2 * static_cast<int>(sizeof(Pair));
    first_at = static_cast<int>(round_up((g.r * row_pitch + 2) * 2, 16));
    stage_bytes = first_at + Shape::kRows * static_cast<int>(sizeof(int));
    outputs_at = rows_at + 2 * stage_bytes;
    bytes = outputs_at + Shape::kSharedBytes;
    ahead = bytes <= kMultiprocessorShared / kBlocks - kReservedShared;
    if (ahead) return;
    outputs_at = rows_at;
    first_at = std::max(first_at, Shape::kSharedBytes);
    bytes = rows_at + first_at + Shape::kRows * static_cast<int>(sizeof(int));
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
struct Memory {
  uint16_t* filters;  // [64, depth + 8]
  Pair* pairs;        // [depth / 2]
  unsigned char* outputs;

  __device__ Memory(unsigned char* shared, const Layout& at)
      : filters(reinterpret_cast<uint16_t*>(shared)),
        pairs(reinterpret_cast<Pair*>(shared + at.pairs_at)),
        outputs(shared + at.outputs_at) {}
};

struct Stage {
  uint16_t* rows;  // [R, row_pitch]
  int* first;      // [128], elements from `rows` to those in front of a window's first run

  __device__ Stage(unsigned char* shared, const Layout& at, int index) {
    shared += at.rows_at + (at.ahead ? index * at.stage_bytes : 0);
    rows = reinterpret_cast<uint16_t*>(shared);
    first = reinterpret_cast<int*>(shared + at.first_at);
  }
};

// Once a block: the filters of its columns, and where the pairs of the depth lie.
template <class T>
__device__ void stage_filters(const View<T>& view, const Memory& memory, int first_filter) {
  const Layout& at = view.layout;
  const int window = view.g.s * view.g.c, pitch = at.depth + kFilterPad;
  auto is_element = [&](int r, int within) {
    return r < view.g.r && within >= at.lead && within < at.lead + window;
  };
  for (int i = static_cast<int>(threadIdx.x); i < at.depth / 2; i += kThreads) {
    int r = 2 * i;
    const int within = view.by_run.take_remainder(r);
    memory.pairs[i].offset = r < view.g.r ? r * at.row_pitch + within : 0;
    memory.pairs[i].mask =
        (is_element(r, within) ? 0xffffu : 0u) | (is_element(r, within + 1) ? 0xffff0000u : 0u);
  }
  for (int i = static_cast<int>(threadIdx.x); i < Shape::kColumns * at.depth; i += kThreads) {
    const int column = i / at.depth, depth = i % at.depth, k = first_filter + column;
    int r = depth;
    const int within = view.by_run.take_remainder(r);
    const bool exists = k < view.g.k && is_element(r, within);
    memory.filters[column * pitch + depth] =
        exists ? bits_of(view.w)[(k * view.g.r + r) * window + within - at.lead] : uint16_t{0};
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
__device__ void multiply(const Memory& memory, const Stage& stage, const Layout& at,
                         Product& product) {
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int g = lane / 4, t = lane % 4;
  const int warp_row = warp / 2 * Shape::kWarpRows, warp_column = warp % 2 * Shape::kWarpColumns;
  const uint16_t* windows[Product::kRowFragments][2];
#pragma unroll
  for (int i = 0; i < Product::kRowFragments; ++i) {
    windows[i][0] = stage.rows + stage.first[warp_row + i * 16 + g];
    windows[i][1] = stage.rows + stage.first[warp_row + i * 16 + g + 8];
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

template <int kChunk, class T>
__device__ void stage_tile(const View<T>& view, const Stage& stage, int tile) {
  const int first_pixel = tile * Shape::kRows;
  stage_rows<kChunk>(view, stage.rows, first_pixel, 0, view.g.r);
  stage.first[threadIdx.x] = find_window<kChunk>(view, first_pixel) - view.layout.lead;
  commit_copies();
}

template <class T, int kChunk, bool kAligned>
__global__ void __launch_bounds__(kThreads, kBlocks) conv2d_staged_rows_mma(View<T> view) {
  VOLUTA_DYNAMIC_SHARED(unsigned char, shared);
  const Layout& at = view.layout;
  const Memory memory(shared, at);
  Tile place = {};
  place.rows = view.g.n * view.g.p * view.g.q;
  place.columns = view.g.k;
  place.first_column = static_cast<int>(blockIdx.y) * Shape::kColumns;
  stage_filters(view, memory, place.first_column);
  stage_tile<kChunk>(view, Stage(shared, at, 0), static_cast<int>(blockIdx.x));
  int parity = 0;
  for (int tile = static_cast<int>(blockIdx.x); tile < view.row_tiles;) {
    place.first_row = tile * Shape::kRows;
    tile += static_cast<int>(gridDim.x);
    const bool copies_ahead = at.ahead && tile < view.row_tiles;
    if (copies_ahead) {
      stage_tile<kChunk>(view, Stage(shared, at, 1 - parity), tile);
      wait_copies<1>();
    } else {
      wait_copies<0>();
    }
    __syncthreads();  // this tile is whole, and the outputs of the one before it have been read
    WarpProduct<T, Shape::kWarpRows, Shape::kWarpColumns> product = {};
    multiply<T, kAligned>(memory, Stage(shared, at, parity), at, product);
    if (!at.ahead) __syncthreads();  // outputs take the place of rows
    mma_product::finish_tile<View<T>, Shape>(view, place, product, memory.outputs);
    if (!at.ahead && tile < view.row_tiles) {
      __syncthreads();  // and rows that of outputs
      stage_tile<kChunk>(view, Stage(shared, at, 0), tile);
    }
    parity = 1 - parity;
  }
}

Support supports(const Problem& problem) {
  if (Support limits = within_limits(problem); !limits.ok) return limits;
  const Conv2dGeometry g = conv2d_geometry(problem);
  const int64_t elements = Shape::kColumns * (g.r * (g.s * g.c + 2) + 16 + kFilterPad) +
                           2 * staged_elements(g, kMostChunk, g.r);
  return elements < kMostElements && Layout(g, kMostChunk).bytes <= kMostShared ? Support::yes()
                                                                                : too_large();
}

template <class T>
auto kernel_of(int chunk, bool aligned) {
  if (chunk == 1)
    return aligned ? conv2d_staged_rows_mma<T, 1, true> : conv2d_staged_rows_mma<T, 1, false>;
  return aligned ? conv2d_staged_rows_mma<T, kMostChunk, true>
                 : conv2d_staged_rows_mma<T, kMostChunk, false>;
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const int64_t row_tiles = blocks_for(g.n * g.p * g.q, Shape::kRows);
  return {0, [=, epilogue = EpilogueBinder(problem)](const Args& args, Stream& stream) {
            const int chunk = chunk_of(g, args.in<T>(0));
            const Layout layout(g, chunk);
            View<T> view{{},
                         args.in<T>(0),
                         args.in<T>(1),
                         FastDivisor(g.q),
                         FastDivisor(g.p),
                         FastDivisor(layout.run),
                         layout,
                         static_cast<int>(row_tiles)};
            view.g = kernel_geometry(g);
            view.bind(args, epilogue);
            // As many blocks as run at once.
            const int64_t columns = blocks_for(g.k, Shape::kColumns);
            const int64_t at_once = blocks_at_once(stream.device(), layout.bytes, kBlocks);
            const int64_t blocks = std::min(row_tiles, std::max<int64_t>(at_once / columns, 1));
            launch(stream, "conv2d_staged_rows_mma",
                   {.grid = {static_cast<unsigned>(blocks), static_cast<unsigned>(columns), 1},
                    .block = {kThreads, 1, 1},
                    .shared_bytes = static_cast<std::size_t>(layout.bytes)},
                   kernel_of<T>(chunk, aligns(g)), view);
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
