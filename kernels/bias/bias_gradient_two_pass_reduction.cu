// bias_gradient, algorithm "two_pass_reduction": blocks sum runs of rows to one row each, then those are
// summed (partial_sums.cuh). The number of runs depends on the extents alone, so the order is fixed.
//   db[j] = sum_row dy[row, j]
//   grid   (ceil(J / (v width)), runs)     block 256     smem v KiB     regs 40, 62 of f32 (sm_90a)
//          v neighbouring columns a thread: 4 of 32 bits, 8 of 16, or 1 where J is no multiple of that
//          width = min(J / v, 256) threads a row, 256/width rows at a time, four loads a thread under way
//   maps   thread t of a block: columns v (t % width) .., rows t / width + 0, 256/width, ...
//          J = 6:  | row 0: t0 .. t5 | row 1: t6 .. t11 | ... | row 41: t246 .. t251 |
//          For every J, neighbouring threads read neighbours; t252 and up are idle here.
//          A column's sums meet in shared memory, in a tree over the rows.
//   limits f32, bf16, f16; fewer than 2^31 elements
//   measured never run on hardware

#include <voluta/kernels/bias/bias_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/common/pack.cuh>
#include <voluta/kernels/common/partial_sums.cuh>

#include <algorithm>

namespace voluta {
namespace {

constexpr unsigned kBlock = 256;
constexpr int kHeld = 4;                // loads under way a thread: 64 KiB an SM
constexpr int64_t kMaxRuns = 528;       // partial sums a column; four blocks an SM on 132 SMs
constexpr int64_t kRowsPerThread = 16;  // at least, where there are as many: amortises the tree

// from [rows, groups * kWidth] -> to [runs = gridDim.y, groups * kWidth].
template <int kWidth, class From, class To>
__global__ void __launch_bounds__(kBlock, 4)
    column_sums(const From* from, To* to, int64_t rows, unsigned groups, unsigned width) {
  VOLUTA_SHARED(Floats<kWidth>[kBlock], sums);  // [kBlock / width, width]
  const unsigned rows_at_once = kBlock / width, row = threadIdx.x / width;
  const unsigned group = blockIdx.x * width + threadIdx.x % width;
  const int64_t begin = rows * blockIdx.y / gridDim.y, end = rows * (blockIdx.y + 1) / gridDim.y;

  Floats<kWidth> sum{};
  if (row < rows_at_once && group < groups) {
    for (int64_t first = begin + row; first < end; first += kHeld * rows_at_once) {
      Pack<From, kWidth> held[kHeld] = {};
#pragma unroll
      for (int i = 0; i < kHeld; ++i) {
        const int64_t r = first + i * rows_at_once;
        if (r < end) held[i] = load_pack<From, kWidth>(from, r * groups + group);
      }
#pragma unroll
      for (int i = 0; i < kHeld; ++i) {
#pragma unroll
        for (int lane = 0; lane < kWidth; ++lane) sum.lane[lane] += held[i][lane];
      }
    }
  }
  sums[threadIdx.x] = sum;
  block_sum_rows(sums, rows_at_once, width);
  if (row == 0 && group < groups) {
    store<kWidth>(to, static_cast<int64_t>(blockIdx.y) * groups + group, sums[threadIdx.x]);
  }
}

template <int kWidth, class T, class To>
void launch_sums(Stream& stream, const T* dy, To* to, int64_t rows, int64_t columns, int64_t runs) {
  const int64_t groups = columns / kWidth, width = std::min<int64_t>(groups, kBlock);
  const LaunchShape shape{.grid = {blocks_for(groups, width), static_cast<unsigned>(runs), 1},
                          .block = {kBlock, 1, 1}};
  launch(stream, "bias_gradient_rows", shape, column_sums<kWidth, T, To>, dy, to, rows,
         static_cast<unsigned>(groups), static_cast<unsigned>(width));
}

// With neighbours in one access where extents and addresses have them.
template <class T, class To>
void sum_runs(Stream& stream, const T* dy, To* to, int64_t rows, int64_t columns, int64_t runs) {
  const bool grouped = columns % kVector<T> == 0 && aligned16(dy, to);
  (grouped ? launch_sums<kVector<T>, T, To> : launch_sums<1, T, To>)(stream, dy, to, rows, columns,
                                                                     runs);
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const auto [rows, columns] = bias_extents(problem);
  const int64_t groups = columns % kVector<T> == 0 ? columns / kVector<T> : columns;
  const int64_t rows_a_run = kBlock / std::min<int64_t>(groups, kBlock) * kRowsPerThread;
  const int64_t runs = std::clamp<int64_t>(rows / rows_a_run, 1, kMaxRuns);
  const auto workspace = runs > 1 ? static_cast<std::size_t>(runs * columns) * sizeof(float) : 0;
  return {.workspace_bytes = workspace,
          .run = [runs, rows = rows, columns = columns](const Args& args, Stream& stream) {
            const T* dy = args.in<T>(0);  // [rows, columns]
            T* db = args.out<T>(0);       // [columns]
            if (runs == 1) return sum_runs(stream, dy, db, rows, columns, 1);
            auto* partial = static_cast<float*>(args.workspace);  // [runs, columns]
            sum_runs(stream, dy, partial, rows, columns, runs);
            launch_add_partial_sums(stream, "bias_gradient_runs", partial, db, columns,
                                    static_cast<int>(runs));
          }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}

}  // namespace

const Engine kBiasGradientTwoPassReduction{"two_pass_reduction", DeviceType::kCuda,
                                           EngineRole::kProduct, supports_int32, prepare};

}  // namespace voluta
