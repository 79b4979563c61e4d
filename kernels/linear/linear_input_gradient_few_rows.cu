// linear_input_gradient, algorithm "few_rows": a lane owns neighbouring features, a warp every eighth
// row of the weights, and multiplies each by all rows of dy, which pass through shared memory.
//   dx[n,f] = sum_m dy[n,m] * w[m,f]     N <= R = 1, 2, 4, 8 or 16
//   grid   (ceil(F / (32 v)), parts of M)     block 256
//          v features a lane: 16 bytes, but of 16 bits and R = 16 8 bytes; one where F is no multiple
//   smem   R x max(512, 128 v) floats: 32 KiB and less
//   maps             f -->      lane 0       ...      lane 31
//            m = 0, 8, ..:   | v features | ... | v features |   warp 0
//            m = 1, 9, ..:   | v features | ... | v features |   warp 1
//              ...                                               ...
//          R v sums a thread, at most 64. Those of the warps meet in shared memory, in a tree; where M
//          is split over blocks the parts are then added in their order.
//   loads  8 rows of weights a thread before the first is used: 32 KiB of a block, 16 of chunks of 8 bytes
//   regs   62, 72, 92, 124, 128 for R = 1, 2, 4, 8, 16, by elements 80 (sm_90a); 88, 68, 92, 124, 126,
//          by elements 80 (sm_80); no spills
//   limits N <= 16; f32, bf16, f16; fewer than 2^31 elements a tensor
//   measured never run on hardware
// Rows that R has beyond N are zeros; their sums are dropped.

#include <voluta/kernels/linear/linear_few_rows.cuh>

namespace voluta::linear {
namespace {

using namespace few_rows;

constexpr unsigned kSlice = 512;  // rows of weights whose dy lies in shared memory at once
constexpr int kSteps = 8;         // rows of weights a warp has under way

template <class T>
struct FewRows {
  const T* dy;   // [N,M]
  const T* w;    // [M,F]
  T* dx;         // [N,F]
  float* parts;  // [gridDim.y,N,F]; nullptr: M is not split
  unsigned rows, columns;
  unsigned chunks;  // a row of w
};

// dy[n, begin + i] -> slice[i][n], i < count.
template <int kRows, class T>
__device__ inline void stage_slice(const FewRows<T>& of, unsigned begin, unsigned count,
                                   Floats<kRows>* slice) {
  for (unsigned i = threadIdx.x; i < count; i += kBlock) {
    Floats<kRows> all;
#pragma unroll
    for (unsigned n = 0; n < kRows; ++n) {
      all.lane[n] = n < of.rows ? to_float(of.dy[n * of.columns + begin + i]) : 0.0f;
    }
    slice[i] = all;
  }
}

// Adds kCount rows of weights, kWarps apart and `m` the first of them, times their dy.
template <int kCount, int kRows, int kWidth, class T>
__device__ inline void add_products(const FewRows<T>& of, unsigned m, unsigned chunk,
                                    const Floats<kRows>* dy, float (&sums)[kWidth][kRows]) {
  Pack<T, kWidth> w[kCount];
#pragma unroll
  for (int step = 0; step < kCount; ++step) {
    w[step] = load_once<T, kWidth>(of.w, (m + step * kWarps) * of.chunks + chunk);
  }
#pragma unroll
  for (int step = 0; step < kCount; ++step) {
    const Floats<kRows> rows = dy[step * kWarps];
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
#pragma unroll
      for (int n = 0; n < kRows; ++n) sums[i][n] = fmaf(rows.lane[n], w[step][i], sums[i][n]);
    }
  }
}

// The sums of all warps, for warp 0. A tree that halves them; `scratch` holds kWarps / 2 warps'.
template <int kWidth, int kRows>
__device__ inline void join_warps(float (&sums)[kWidth][kRows], float* scratch) {
  constexpr unsigned kSums = kWidth * kRows;
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  auto each = [&](unsigned place, auto f) {
#pragma unroll
    for (unsigned i = 0; i < kSums; ++i) {
      f(sums[i / kRows][i % kRows], scratch[(place * kSums + i) * 32 + lane]);
    }
  };
  for (unsigned half = kWarps / 2; half > 0; half /= 2) {
    if (warp >= half && warp < 2 * half) {
      each(warp - half, [](float& sum, float& kept) { kept = sum; });
    }
    __syncthreads();
    if (warp < half) each(warp, [](float& sum, float& kept) { sum += kept; });
    __syncthreads();
  }
}

// The lane's features of all rows, to dx or to the block's part.
template <int kRows, int kWidth, class T>
__device__ inline void write(const FewRows<T>& of, unsigned chunk,
                             const float (&sums)[kWidth][kRows]) {
  const int64_t first_row = int64_t{blockIdx.y} * of.rows;
#pragma unroll
  for (unsigned n = 0; n < kRows; ++n) {
    if (n >= of.rows) break;
    Floats<kWidth> values;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) values.lane[i] = sums[i][n];
    if (of.parts != nullptr) {
      store<kWidth>(of.parts, (first_row + n) * of.chunks + chunk, values);
    } else {
      store<kWidth>(of.dx, int64_t{n} * of.chunks + chunk, values);
    }
  }
}

template <int kRows, int kWidth, class T>
__global__ void __launch_bounds__(kBlock, 2) linear_input_gradient_few_rows(FewRows<T> of) {
  constexpr unsigned kScratch = kWarps / 2 * 32 * kWidth;  // rows of kRows floats
  VOLUTA_SHARED(Floats<kRows>[std::max(kSlice, kScratch)], shared);
  const unsigned warp = threadIdx.x / 32, own = blockIdx.x * 32 + threadIdx.x % 32;
  const unsigned chunk = min(own, of.chunks - 1);  // beyond F the last once more, not stored

  float sums[kWidth][kRows] = {};
  const Range range = own_range<1>(of.columns);
  for (unsigned begin = range.begin; begin < range.end; begin += kSlice) {
    const unsigned count = min(kSlice, range.end - begin);
    stage_slice(of, begin, count, shared);
    __syncthreads();
    unsigned m = warp;
    for (; m + (kSteps - 1) * kWarps < count; m += kSteps * kWarps) {
      add_products<kSteps>(of, begin + m, chunk, shared + m, sums);
    }
    for (; m < count; m += kWarps) add_products<1>(of, begin + m, chunk, shared + m, sums);
    __syncthreads();
  }
  join_warps(sums, shared[0].lane);
  if (warp == 0 && own < of.chunks) write(of, own, sums);
}

template <int kRows, class T>
Execution prepare_as(const Problem& problem) {
  const Extents e = input_gradient_extents(problem);
  constexpr int kWidth = kChunk<T, kRows>;
  const bool whole = e.f % kWidth == 0;
  const int splits =
      count_splits(blocks_for(whole ? e.f / kWidth : e.f, 32), e.m / (kWarps * kSteps));
  const std::size_t part_bytes = static_cast<std::size_t>(e.n * e.f) * sizeof(float);
  return {splits > 1 ? splits * part_bytes : 0, [=](const Args& args, Stream& stream) {
            const bool vector = whole && aligned16(args.in<T>(1), args.out<T>(0));
            const int64_t chunks = vector ? e.f / kWidth : e.f;
            FewRows<T> of = {.dy = args.in<T>(0),
                             .w = args.in<T>(1),
                             .dx = args.out<T>(0),
                             .parts = splits > 1 ? static_cast<float*>(args.workspace) : nullptr,
                             .rows = static_cast<unsigned>(e.n),
                             .columns = static_cast<unsigned>(e.m),
                             .chunks = static_cast<unsigned>(chunks)};
            launch(stream, "linear_input_gradient_few_rows",
                   {.grid = {blocks_for(chunks, 32), static_cast<unsigned>(splits), 1},
                    .block = {kBlock, 1, 1}},
                   vector ? linear_input_gradient_few_rows<kRows, kWidth, T>
                          : linear_input_gradient_few_rows<kRows, 1, T>,
                   of);
            if (splits == 1) return;
            launch_add_partial_sums(stream, "linear_input_gradient_few_rows_add_parts", of.parts,
                                    of.dx, e.n * e.f, splits);
          }};
}

// A multiply-add a row of the kernel's width; a weight of 16 bits is unpacked once.
bool pays(const Problem& problem) {
  const int64_t width =
      dispatch_rows(input_gradient_extents(problem).n, []<int kRows>() { return int64_t{kRows}; });
  return pays_at(problem.inputs[0].dtype == DType::f32 ? width : width + 1, problem);
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() {
    return dispatch_rows(input_gradient_extents(problem).n,
                         [&]<int kRows>() { return prepare_as<kRows, T>(problem); });
  });
}

}  // namespace

const Engine kInputGradientFewRows = {.name = "few_rows",
                                      .device = DeviceType::kCuda,
                                      .role = EngineRole::kProduct,
                                      .supports = few_rows::supports,
                                      .prepare = prepare,
                                      .pays = pays};

}  // namespace voluta::linear
