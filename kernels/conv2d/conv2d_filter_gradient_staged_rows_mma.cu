// conv2d_filter_gradient, algorithm "staged_rows_mma" (bf16, f16): for pictures of a few channels, the first
// layer of a network. dy transposed times the unrolled input, which is never stored: a block copies the
// rows of x under 128 pixels into shared memory as they are (conv2d_staged_rows.cuh), and a lane finds its
// operand there, an element of a column at the place of a pixel's window plus that of the column in it.
//   dw[k,r,s,c] = sum_{n,p,q} dy[n,p,q,k] * x[n, p*u-top+r, q*v-left+s, c]
//   rows K, columns R*S*C, depth N*P*Q in tiles of 128 pixels
//   grid   splits of the depth x tiles of 64 filters (32 where there are no more) x tiles of columns, flattened
//          block 128
//   smem   2 stages of dy 16 KiB, rows of x, windows 0.5 KiB: 56 KiB for 7 x 7 x 3, stride 2
//   regs   of 64 filters x 80, 64, 32 columns, 32 x 32; no spills
//          248, 215, 137, 96 (sm_80)   248, 217, 136, 96 (sm_90a)
//   maps   a warp multiplies all filters by 32, 64 or 80 columns; where those are all the columns of the
//          block, its 4 warps take every fourth 16 pixels each, else 2 x 2 warps every second:
//
//                      columns                        up to 32, 64, 80         up to 128, 160, more
//            pixels  0 .. 15  |                      | warp 0 |               | warp 0 : warp 1 |
//                   16 .. 31  |                      | warp 1 |               | warp 2 : warp 3 |
//                   32 .. 47  |                      | warp 2 |               | warp 0 : warp 1 |
//
//          While a tile is multiplied, the next one is copied to the other stage. A block keeps its sums in
//          registers through all its tiles; at the end those of warps with the same columns are added in
//          their order, and a second kernel adds the blocks' in theirs.
//   workspace parts[splits, K, R*S*C] in f32
//   limits fewer than 8 channels, one group, no dilation, up to 96 KiB of shared memory; fewer than 2^31
//          elements a tensor. Copies are 16 bytes for dy where K % 8 == 0, for x where W*C % 8 == 0; else
//          element by element.
//   bound  memory, for the stems of ResNet and VGG. Cycles of an SM of an H200 for 16 pixels of 64 filters, at
//          16.4 bytes a cycle, 128 of shared memory (operands + copies) and 2048 FMAs on tensor cores, and the
//          share of these FMAs whose columns exist:
//            7 x 7 x 3, stride 2    memory 148   shared 116 + 27   arithmetic  80   92 %
//            3 x 3 x 3, stride 1    memory 131   shared  34 + 18   arithmetic  16   84 %
//            11 x 11 x 3, stride 4  memory 219   shared 300 + 93   arithmetic 192   95 %
//          Conflicts are not counted; 11 x 11 x 3 has some. A warp loads 4 a + 4 b + 2 times 128 bytes for a b products of 16 filters x 8 columns x 16 pixels: the
//          more columns, the better.
//   measured never run on hardware

#include <voluta/kernels/common/partial_sums.cuh>
#include <voluta/kernels/conv2d/conv2d_staged_rows.cuh>

namespace voluta::staged_rows_mma {
namespace {

using mma_product::SharedTile;
using mma_product::WarpProduct;

constexpr int kStep = 16;  // pixels of an mma

template <int kFilters_, int kWarpColumns_>
struct GradientShape {
  static constexpr int kFilters = kFilters_, kWarpColumns = kWarpColumns_;
  static constexpr int kMinBlocks = kWarpColumns == 32 ? 3 : 2;
  static constexpr int kSums = kFilters * kWarpColumns / 32;  // of a lane
};

// Whole rows of 128 bytes, of 64 filters: dy's tile.
template <class T>
using GradientTile = SharedTile<T, 64, false>;
constexpr int kGradientBytes = kPixels * 64 * 2;

// How the outputs are cut into tiles, and the pixels into splits.
struct Tiling {
  int filters, warp_columns, column_warps;
  int64_t filter_tiles, column_tiles, splits;

  explicit Tiling(const Conv2dGeometry& g) {
    const int64_t columns = g.r * g.s * g.c;
    column_warps = columns > 80 ? 2 : 1;
    const auto padded = [&](int64_t each) { return round_up(columns, each * column_warps); };
    warp_columns = columns <= 32 ? 32 : padded(80) < padded(64) ? 80 : 64;
    filters = warp_columns == 32 && g.k <= 32 ? 32 : 64;
    filter_tiles = blocks_for(g.k, filters);
    column_tiles = blocks_for(columns, warp_columns * column_warps);
    // As many blocks as a large GPU runs at once, as long as each still has a few tiles to go through. A
    // function of the problem alone, so that results do not depend on the device.
    constexpr int64_t kLeastTiles = 4, kMultiprocessors = 132;
    const int64_t at_once = kMultiprocessors * (warp_columns == 32 ? 3 : 2);
    const int64_t tiles = blocks_for(g.n * g.p * g.q, kPixels);
    splits = std::clamp<int64_t>(at_once / (filter_tiles * column_tiles), 1,
                                 std::max<int64_t>(tiles / kLeastTiles, 1));
  }
};

// Of the rows of a window, how many so many neighbouring columns touch at most.
int64_t rows_touched(const Conv2dGeometry& g, int64_t columns) {
  const int64_t run = g.s * g.c;
  return std::min(g.r, (columns - 2) / run + 2);
}

// Places in shared memory, in bytes from the start of a stage, and the extents behind them.
struct GradientLayout {
  int row_pitch, windows_at, stage_bytes, bytes;

  GradientLayout(const Conv2dGeometry& g, const Tiling& tiling, int chunk) {
    const int columns = tiling.warp_columns * tiling.column_warps;
    // From banks to banks as if the runs of a window followed upon each other: no more than 7 elements
    // between them, so that the 8 columns x 4 pairs of pixels that lanes read lie in different banks where
    // those of one run do.
    const int64_t least = staged_rows_mma::row_pitch(g, chunk);
    row_pitch = static_cast<int>(least + ((round_up(g.s * g.c, 8) - least) & 63));
    const int64_t rows = rows_touched(g, columns) * row_pitch;
    windows_at = kGradientBytes + static_cast<int>(round_up(rows * 2, 16));
    stage_bytes = windows_at + kPixels * static_cast<int>(sizeof(int));
    const int sums = tiling.filters * columns * static_cast<int>(sizeof(float));
    bytes = std::max(2 * stage_bytes, sums);
  }
};

template <class T>
struct GradientView {
  const T* x;    // [N,H,W,C]
  const T* dy;   // [N*P*Q, K]
  float* parts;  // [splits, K, R*S*C]
  Conv2dKernelGeometry g;
  FastDivisor by_q, by_p, by_run;  // run: S*C
  GradientLayout layout;
  int column_warps, filter_tiles, column_tiles, splits;
  bool vector_dy;
};

// Of the block's shared memory, one of two.
struct Stage {
  unsigned char* dy;  // a GradientTile
  uint16_t* rows;     // [rows touched, row_pitch]
  int* windows;       // [128], of the pixels: bytes from `rows`

  __device__ Stage(unsigned char* shared, const GradientLayout& at, int index) {
    shared += index * at.stage_bytes;
    dy = shared;
    rows = reinterpret_cast<uint16_t*>(shared + kGradientBytes);
    windows = reinterpret_cast<int*>(shared + at.windows_at);
  }
};

// What a block computes.
struct Work {
  int first_filter, first_column, columns;  // columns: the end of its own
  int first_r, rows;                        // of the window's rows, those that its columns touch
  int split, first_tile, end_tile;

  template <class Shape, class T>
  __device__ static Work of_block(const GradientView<T>& view) {
    const Conv2dKernelGeometry& g = view.g;
    const int block_columns = Shape::kWarpColumns * view.column_warps;
    Work work;
    int block = static_cast<int>(blockIdx.x);
    work.first_column = block % view.column_tiles * block_columns;
    block /= view.column_tiles;
    work.first_filter = block % view.filter_tiles * Shape::kFilters;
    work.split = block / view.filter_tiles;
    work.columns = min(g.r * g.s * g.c, work.first_column + block_columns);
    work.first_r = view.by_run.quotient(work.first_column);
    work.rows = view.by_run.quotient(work.columns - 1) - work.first_r + 1;
    const int64_t tiles = (g.n * g.p * g.q + kPixels - 1) / kPixels;
    work.first_tile = static_cast<int>(tiles * work.split / view.splits);
    work.end_tile = static_cast<int>(tiles * (work.split + 1) / view.splits);
    return work;
  }
};

// Eight filters of dy where they are no aligned chunk.
template <class T>
__device__ uint4 load_filters(const T* from, int count) {
  uint32_t words[4] = {};
#pragma unroll
  for (int e = 0; e < 8; ++e) {
    if (e < count) words[e / 2] |= uint32_t{bits_of(from)[e]} << (e % 2 * 16);
  }
  return make_uint4(words[0], words[1], words[2], words[3]);
}

// A thread takes a chunk of every so many pixels. Pixels and filters that do not exist are zeros.
template <int kFilters, class T>
__device__ void stage_gradient(const GradientView<T>& view, unsigned char* tile, int first_pixel,
                               int first_filter) {
  constexpr int kChunks = kFilters / 8, kApart = kThreads / kChunks;
  const int chunk = static_cast<int>(threadIdx.x) % kChunks, k = first_filter + chunk * 8;
  const int first = static_cast<int>(threadIdx.x) / kChunks;
  const int pixels = k < view.g.k ? view.g.n * view.g.p * view.g.q - first_pixel : 0;
  const T* from = view.dy + (first < pixels ? (first_pixel + first) * view.g.k + k : 0);
  unsigned char* to = tile + GradientTile<T>::place(first, chunk);
  static_assert(kApart % 8 == 0);  // the pixels' chunks lie at the same place of their rows
  constexpr int kBytesApart = kApart * GradientTile<T>::kRowChunks * mma_product::kChunkBytes;
  if (view.vector_dy) {
#pragma unroll
    for (int i = 0; i < kPixels / kApart; ++i) {
      const bool exists = first + i * kApart < pixels;
      copy_async<16>(to + i * kBytesApart, from + (exists ? i * kApart * view.g.k : 0),
                     exists ? 16 : 0);
    }
  } else {
    for (int i = 0; i < kPixels / kApart; ++i) {
      const bool exists = first + i * kApart < pixels;
      *reinterpret_cast<uint4*>(to + i * kBytesApart) =
          load_filters(from + (exists ? i * kApart * view.g.k : 0), exists ? view.g.k - k : 0);
    }
  }
}

template <class Shape, int kChunk, class T>
__device__ void stage_tile(const GradientView<T>& view, const Stage& stage, const Work& work,
                           int tile) {
  stage_gradient<Shape::kFilters>(view, stage.dy, tile * kPixels, work.first_filter);
  stage_rows<kChunk>(view, stage.rows, tile * kPixels, work.first_r, work.rows);
  stage.windows[threadIdx.x] = find_window<kChunk>(view, tile * kPixels) * 2;
}

// Where the columns of a lane, one a fragment of the warp, lie in the staged rows: bytes from the first
// element of a window. Those that do not exist are multiplied like the first and never stored.
template <class T, int kFragments>
__device__ void find_columns(const GradientView<T>& view, const Work& work, int first_column,
                             int (&offsets)[kFragments]) {
  const int g = static_cast<int>(threadIdx.x) % 32 / 4;
#pragma unroll
  for (int j = 0; j < kFragments; ++j) {
    const int column = first_column + j * 8 + g;
    int r = column < work.columns ? column : work.first_column;
    const int within = view.by_run.take_remainder(r);
    offsets[j] = ((r - work.first_r) * view.layout.row_pitch + within) * 2;
  }
}

// Of two pixels the elements at a column.
__device__ uint32_t load_pixels(const unsigned char* rows, int2 windows, int column) {
  const auto load = [&](int window) -> uint32_t {
    return *reinterpret_cast<const uint16_t*>(rows + (window + column));
  };
  return load(windows.y) << 16 | load(windows.x);
}

// Fragments as in tensor_core.cuh: lane 4 g + t has column g, and of the pixels the pairs t of both halves.
template <class T, class Product>
__device__ void multiply(const Stage& stage, const int (&columns)[Product::kColumnFragments],
                         int first_step, int steps_apart, Product& product) {
  const int t = static_cast<int>(threadIdx.x) % 4;
  const auto* rows = reinterpret_cast<const unsigned char*>(stage.rows);
  for (int step = first_step; step < kPixels / kStep; step += steps_apart) {
    uint32_t a[Product::kRowFragments][4];
#pragma unroll
    for (int i = 0; i < Product::kRowFragments; ++i) {
      GradientTile<T>::load(stage.dy, i * 16, step, a[i]);
    }
    const int2* windows = reinterpret_cast<const int2*>(stage.windows + step * kStep) + t;
    const int2 first_half = windows[0], second_half = windows[4];
#pragma unroll
    for (int j = 0; j < Product::kColumnFragments; ++j) {
      const uint32_t b[2] = {load_pixels(rows, first_half, columns[j]),
                             load_pixels(rows, second_half, columns[j])};
#pragma unroll
      for (int i = 0; i < Product::kRowFragments; ++i) {
        mma_product::multiply<T>(product.sum[i][j], a[i], b);
      }
    }
  }
}

// Adds the sums of warps that have the same columns of different pixels, in the order of the warps, to
// those of the first of them. Shared memory [column warps, sums of a lane, 32].
template <class Shape, class Product>
__device__ void add_warps(float* shared, int column_warps, Product& product) {
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  float* own = shared + warp % column_warps * Shape::kSums * 32 + lane;
  float* sums = &product.sum[0][0][0];
  const int depth_warp = warp / column_warps;
  for (int from = 1; from < kWarps / column_warps; ++from) {
    if (depth_warp == from) {
#pragma unroll
      for (int i = 0; i < Shape::kSums; ++i) own[i * 32] = sums[i];
    }
    __syncthreads();
    if (depth_warp == 0) {
#pragma unroll
      for (int i = 0; i < Shape::kSums; ++i) sums[i] += own[i * 32];
    }
    __syncthreads();
  }
}

template <class T, class Product>
__device__ void store_parts(const GradientView<T>& view, const Work& work, int first_column,
                            Product& product) {
  const int columns = view.g.r * view.g.s * view.g.c;
  product.for_each_pair([&](int row, int column, float first, float second) {
    const int k = work.first_filter + row, at = first_column + column;
    if (k >= view.g.k) return;
    float* to = view.parts + (int64_t{work.split} * view.g.k + k) * columns + at;
    if (at < work.columns) to[0] = first;
    if (at + 1 < work.columns) to[1] = second;
  });
}

template <class T, class Shape, int kChunk>
__global__ void __launch_bounds__(kThreads, Shape::kMinBlocks)
    conv2d_filter_gradient_staged_rows_mma(GradientView<T> view) {
  VOLUTA_DYNAMIC_SHARED(unsigned char, shared);
  using Product = WarpProduct<T, Shape::kFilters, Shape::kWarpColumns>;
  const Work work = Work::of_block<Shape>(view);
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int depth_warps = kWarps / view.column_warps, depth_warp = warp / view.column_warps;
  const int first_column = work.first_column + warp % view.column_warps * Shape::kWarpColumns;
  int columns[Product::kColumnFragments];
  find_columns(view, work, first_column, columns);

  Product product = {};
  stage_tile<Shape, kChunk>(view, Stage(shared, view.layout, 0), work, work.first_tile);
  commit_copies();
  for (int tile = work.first_tile; tile < work.end_tile; ++tile) {
    const int parity = (tile - work.first_tile) % 2;
    if (tile + 1 < work.end_tile) {
      stage_tile<Shape, kChunk>(view, Stage(shared, view.layout, 1 - parity), work, tile + 1);
    }
    commit_copies();
    wait_copies<1>();
    __syncthreads();  // this tile is whole
    multiply<T>(Stage(shared, view.layout, parity), columns, depth_warp, depth_warps, product);
    __syncthreads();  // nobody reads it any more
  }
  add_warps<Shape>(reinterpret_cast<float*>(shared), view.column_warps, product);
  if (depth_warp == 0) store_parts(view, work, first_column, product);
}

Support gradient_supports(const Problem& problem) {
  if (Support limits = within_limits(problem); !limits.ok) return limits;
  const Conv2dGeometry g = conv2d_geometry(problem);
  const Tiling tiling(g);
  const int64_t rows = rows_touched(g, tiling.warp_columns * tiling.column_warps);
  const bool fits = staged_elements(g, kMostChunk, rows) < kMostElements / 2;
  return fits && GradientLayout(g, tiling, kMostChunk).bytes <= kMostShared ? Support::yes()
                                                                            : too_large();
}

// Calls f with the shape of a problem's tiles.
template <class F>
void dispatch_shape(const Tiling& tiling, F f) {
  if (tiling.filters == 32) return f.template operator()<GradientShape<32, 32>>();
  if (tiling.warp_columns == 32) return f.template operator()<GradientShape<64, 32>>();
  if (tiling.warp_columns == 64) return f.template operator()<GradientShape<64, 64>>();
  f.template operator()<GradientShape<64, 80>>();
}

template <class T>
void launch_parts(Stream& stream, const Tiling& tiling, const GradientView<T>& view, int chunk) {
  dispatch_shape(tiling, [&]<class Shape>() {
    launch(
        stream, "conv2d_filter_gradient_staged_rows_mma",
        {.grid = {static_cast<unsigned>(tiling.splits * tiling.filter_tiles * tiling.column_tiles),
                  1, 1},
         .block = {kThreads, 1, 1},
         .shared_bytes = static_cast<std::size_t>(view.layout.bytes)},
        chunk == 1 ? conv2d_filter_gradient_staged_rows_mma<T, Shape, 1>
                   : conv2d_filter_gradient_staged_rows_mma<T, Shape, kMostChunk>,
        view);
  });
}

template <class T>
Execution prepare_gradient_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(problem);
  const Tiling tiling(g);
  const int64_t elements = problem.outputs[0].shape.elements();
  const auto bytes = static_cast<std::size_t>(tiling.splits * elements) * sizeof(float);
  return {bytes, [=](const Args& args, Stream& stream) {
            const T* x = args.in<T>(0);
            const T* dy = args.in<T>(1);
            const int chunk = chunk_of(g, x);
            const GradientView<T> view{x,
                                       dy,
                                       static_cast<float*>(args.workspace),
                                       kernel_geometry(g),
                                       FastDivisor(g.q),
                                       FastDivisor(g.p),
                                       FastDivisor(g.s * g.c),
                                       GradientLayout(g, tiling, chunk),
                                       tiling.column_warps,
                                       static_cast<int>(tiling.filter_tiles),
                                       static_cast<int>(tiling.column_tiles),
                                       static_cast<int>(tiling.splits),
                                       g.k % 8 == 0 && aligned16(dy)};
            launch_parts(stream, tiling, view, chunk);
            launch_add_partial_sums(stream, "conv2d_filter_gradient_add_parts", view.parts,
                                    args.out<T>(0), elements, static_cast<int>(tiling.splits));
          }};
}

Execution prepare_gradient(const Problem& problem) {
  return problem.inputs[0].dtype == DType::bf16 ? prepare_gradient_as<BFloat16>(problem)
                                                : prepare_gradient_as<Float16>(problem);
}

}  // namespace
}  // namespace voluta::staged_rows_mma

namespace voluta {

const Engine kConv2dFilterGradientStagedRowsMma =
    mma_product::half_engine<staged_rows_mma::gradient_supports>("staged_rows_mma",
                                                                 staged_rows_mma::prepare_gradient);

}  // namespace voluta
