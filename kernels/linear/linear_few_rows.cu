// linear, algorithm "few_rows" (skinny GEMM; of one row GEMV): a warp takes four columns of weights at a
// time, and multiplies every chunk of them by all rows of x, which the warps of a block find in L1.
//   y[n,m] = activate(sum_f x[n,f] * w[m,f] + b[m])     N <= R = 1, 2, 4, 8 or 16
//   grid   (ceil(M / columns of a block), parts of F)     block 256     smem 32 R floats x 4 bytes
//   maps   a warp   4 columns, lanes along f, a chunk each: 16 bytes, but of 16 bits and R = 16 8 bytes;
//                   one element where F is no multiple of that
//          a block  8 warps: R / 2 of them beside each other, so that L2 hands out x once for 2R columns,
//                   half the bytes of the weights; those that are left share F:
//                        f -->
//            columns | warp 0 : warp 4 : warp 0 : warp 4 : ...      (R = 8)
//                    |   :    :   :    :
//                    | warp 3 : warp 7 : warp 3 : warp 7 : ...
//          4R sums a thread, added up over the lanes by halving exchanges, then over the warps that
//          share F, then, where F is split over blocks (split-K), over the parts: in a fixed order.
//   loads  8 chunks of weights a thread before the first is used, of f32 and R = 16 4: 32 KiB of a block,
//          16 KiB where R = 16
//   regs   104, 95, 126, 128, 128 for R = 1, 2, 4, 8, 16, by elements 128 (sm_90a); 98, 84, 122, 128, 128,
//          by elements 127 (sm_80); no spills
//   limits N <= 16; f32, bf16, f16; fewer than 2^31 elements a tensor
//   measured never run on hardware
// Rows that R has beyond N are left out; columns beyond M are the last one again, and are dropped: no zero
// meets an infinity.

#include <voluta/kernels/common/fused_activation.cuh>
#include <voluta/kernels/common/reduction.cuh>
#include <voluta/kernels/linear/linear_few_rows.cuh>

namespace voluta::linear {
namespace {

using namespace few_rows;

constexpr int kColumns = 4;  // of a warp

// Chunks of each column that a lane has under way: what the registers leave room for.
template <class T, int kRows>
constexpr int kSteps = kRows == kMaxRows&& std::is_same_v<T, float> ? 1 : 2;

template <int kRows>
struct Layout {
  static constexpr int kColumnWarps = kRows > 2 ? kRows / 2 : 1;
  static constexpr int kDepthWarps = kWarps / kColumnWarps;
  static constexpr int kBlockColumns = kColumnWarps * kColumns;
  static constexpr int kSums = kRows * kColumns;  // of a warp: [row][column]
};

template <class T>
struct FewRows {
  const T* x;     // [N,F]
  const T* w;     // [M,F]
  const T* bias;  // [M], or nullptr
  T* y;           // [N,M]
  float* parts;   // [gridDim.y,N,M]; nullptr: F is not split
  FusedActivation f;
  unsigned rows, columns;
  unsigned chunks;  // a row of x, or of w

  __device__ float finish(unsigned column, float sum) const {
    if (bias != nullptr) sum += to_float(bias[column]);
    return f(sum);
  }
  // Of a sum of parts.
  __device__ float operator()(int64_t element, float sum) const {
    return finish(static_cast<unsigned>(element) % columns, sum);
  }
  __device__ void write(unsigned row, unsigned column, float sum) const {
    const unsigned element = row * columns + column;
    if (parts != nullptr) {
      parts[int64_t{blockIdx.y} * rows * columns + element] = sum;
    } else {
      y[element] = from_float<T>(finish(column, sum));
    }
  }
};

// Adds kCount chunks of each column, `stride` apart, times those of each row. Columns begin at chunk
// columns[c].
template <int kCount, int kWidth, int kRows, class T>
__device__ inline void add_products(const FewRows<T>& of, const unsigned (&columns)[kColumns],
                                    unsigned chunk, unsigned stride,
                                    float (&sums)[kRows * kColumns]) {
  Pack<T, kWidth> w[kCount][kColumns];
#pragma unroll
  for (int step = 0; step < kCount; ++step) {
#pragma unroll
    for (int c = 0; c < kColumns; ++c) {
      w[step][c] = load_once<T, kWidth>(of.w, columns[c] + chunk + step * stride);
    }
  }
#pragma unroll
  for (int step = 0; step < kCount; ++step) {
    unsigned of_row = chunk + step * stride;
#pragma unroll
    for (unsigned row = 0; row < kRows; ++row) {
      if (row > kRows / 2 && row >= of.rows) continue;  // N > R / 2
      const auto x = load_pack<T, kWidth>(of.x, of_row);
      of_row += of.chunks;
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
#pragma unroll
        for (int c = 0; c < kColumns; ++c) {
          float& sum = sums[row * kColumns + c];
          sum = fmaf(x[i], w[step][c][i], sum);
        }
      }
    }
  }
}

// The lane's share of the sums of a warp's columns, from `first_column` on.
template <int kWidth, int kRows, class T>
__device__ inline void add_own_chunks(const FewRows<T>& of, unsigned first_column,
                                      unsigned depth_warp, float (&sums)[kRows * kColumns]) {
  unsigned columns[kColumns];
#pragma unroll
  for (int c = 0; c < kColumns; ++c) columns[c] = min(first_column + c, of.columns - 1) * of.chunks;
  constexpr int kCount = kSteps<T, kRows>;
  constexpr unsigned kStride = Layout<kRows>::kDepthWarps * 32;
  const Range range = own_range<32>(of.chunks);
  unsigned chunk = range.begin + depth_warp * 32 + threadIdx.x % 32;
  for (; chunk + (kCount - 1) * kStride < range.end; chunk += kCount * kStride) {
    add_products<kCount, kWidth, kRows>(of, columns, chunk, kStride, sums);
  }
  for (; kCount > 1 && chunk < range.end; chunk += kStride) {
    add_products<1, kWidth, kRows>(of, columns, chunk, kStride, sums);
  }
}

template <int kRows, int kWidth, class T>
__global__ void __launch_bounds__(kBlock, 2) linear_few_rows(FewRows<T> of) {
  using Block = Layout<kRows>;
  constexpr int kSums = Block::kSums;
  VOLUTA_SHARED(float[kWarps][kSums], parts);
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const unsigned block_column = blockIdx.x * Block::kBlockColumns;

  float sums[kSums] = {};
  add_own_chunks<kWidth, kRows>(of, block_column + warp % Block::kColumnWarps * kColumns,
                                warp / Block::kColumnWarps, sums);
  const int first = warp_scatter_sums(sums);
  constexpr unsigned kHolders = kSums < 32 ? 32 / kSums : 1;  // lanes that hold the same sum
  if (lane % kHolders == 0) {
#pragma unroll
    for (int i = 0; i < kScatteredSums<kSums>; ++i) parts[warp][first + i] = sums[i];
  }
  __syncthreads();

  for (unsigned i = threadIdx.x; i < kRows * Block::kBlockColumns; i += kBlock) {
    const unsigned row = i / Block::kBlockColumns, column = i % Block::kBlockColumns;
    if (row >= of.rows || block_column + column >= of.columns) continue;
    const unsigned of_warp = row * kColumns + column % kColumns;
    float sum = parts[column / kColumns][of_warp];
#pragma unroll
    for (int d = 1; d < Block::kDepthWarps; ++d) {
      sum += parts[d * Block::kColumnWarps + column / kColumns][of_warp];
    }
    of.write(row, block_column + column, sum);
  }
}

template <int kRows, class T>
Execution prepare_as(const Problem& problem) {
  const Extents e = forward_extents(problem);
  using Block = Layout<kRows>;
  const unsigned blocks = blocks_for(e.m, Block::kBlockColumns);
  constexpr int kWidth = kChunk<T, kRows>;
  const bool whole = e.f % kWidth == 0;
  const int64_t chunks = whole ? e.f / kWidth : e.f;
  const int splits = count_splits(blocks, chunks / (Block::kDepthWarps * 32 * 2));
  const std::size_t part_bytes = static_cast<std::size_t>(e.n * e.m) * sizeof(float);
  const bool bias = has_bias(problem);
  const FusedActivation f(problem.options_as<LinearOptions>().activation);
  return {splits > 1 ? splits * part_bytes : 0, [=](const Args& args, Stream& stream) {
            const bool vector = whole && aligned16(args.in<T>(0), args.in<T>(1));
            FewRows<T> of = {.x = args.in<T>(0),
                             .w = args.in<T>(1),
                             .bias = bias ? args.in<T>(2) : nullptr,
                             .y = args.out<T>(0),
                             .parts = splits > 1 ? static_cast<float*>(args.workspace) : nullptr,
                             .f = f,
                             .rows = static_cast<unsigned>(e.n),
                             .columns = static_cast<unsigned>(e.m),
                             .chunks = static_cast<unsigned>(vector ? chunks : e.f)};
            launch(stream, "linear_few_rows",
                   {.grid = {blocks, static_cast<unsigned>(splits), 1}, .block = {kBlock, 1, 1}},
                   vector ? linear_few_rows<kRows, kWidth, T> : linear_few_rows<kRows, 1, T>, of);
            if (splits == 1) return;
            launch_add_partial_sums(stream, "linear_few_rows_add_parts", of.parts, of.y, e.n * e.m,
                                    splits, of);
          }};
}

// A multiply-add a row; in 16 bits a weight is unpacked once, and x once for four columns.
bool pays(const Problem& problem) {
  const int64_t rows = forward_extents(problem).n;
  return pays_at(problem.inputs[0].dtype == DType::f32 ? rows : rows + rows / 4 + 1, problem);
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() {
    return dispatch_rows(forward_extents(problem).n,
                         [&]<int kRows>() { return prepare_as<kRows, T>(problem); });
  });
}

}  // namespace

const Engine kFewRows = {.name = "few_rows",
                         .device = DeviceType::kCuda,
                         .role = EngineRole::kProduct,
                         .supports = few_rows::supports,
                         .prepare = prepare,
                         .pays = pays};

}  // namespace voluta::linear
