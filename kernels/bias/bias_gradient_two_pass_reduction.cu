// bias_gradient, algorithm "two_pass_reduction": blocks sum runs of rows to one row each, then one
// row of blocks sums those. The number of runs depends on the extents alone, so the order is fixed.
//   db[j] = sum_row dy[row, j]
//   grid   (ceil(J / width), runs)     block 256     smem 1 KiB     regs 24 (sm_90a)
//          width = min(J, 256) columns a block, 256/width rows at a time
//   maps   thread t of a block: column t % width, rows t / width + 0, 256/width, 2*256/width, ...
//          J = 6:  | row 0: t0 .. t5 | row 1: t6 .. t11 | ... | row 41: t246 .. t251 |
//          For every J, neighbouring threads read neighbouring floats; t252 and up are idle here.
//          A column's sums meet in shared memory, in a tree over the rows.
//   limits f32, fewer than 2^31 elements
//   measured never run on hardware

#include <voluta/kernels/bias/bias_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/common/elementwise.cuh>
#include <voluta/kernels/common/reduction.cuh>

#include <algorithm>

namespace voluta {
namespace {

constexpr unsigned kBlock = 256;
constexpr int64_t kMaxRuns = 256;       // partial sums a column; two blocks an SM on 132 SMs
constexpr int64_t kRowsPerThread = 16;  // at least, where there are as many: amortises the tree

// from [rows, columns] -> to [runs = gridDim.y, columns].
__global__ void column_sums(const float* from, float* to, int64_t rows, unsigned columns,
                            unsigned width) {
  VOLUTA_SHARED(float[kBlock], sums);  // [kBlock / width, width]
  const unsigned rows_at_once = kBlock / width, row = threadIdx.x / width;
  const unsigned column = blockIdx.x * width + threadIdx.x % width;
  const int64_t begin = rows * blockIdx.y / gridDim.y, end = rows * (blockIdx.y + 1) / gridDim.y;

  float sum = 0;
  if (row < rows_at_once && column < columns) {
    for (int64_t r = begin + row; r < end; r += rows_at_once) sum += from[r * columns + column];
  }
  sums[threadIdx.x] = sum;
  block_sum_rows(sums, rows_at_once, width);
  if (row == 0 && column < columns) {
    to[static_cast<int64_t>(blockIdx.y) * columns + column] = sums[threadIdx.x];
  }
}

Execution prepare(const Problem& problem) {
  const auto [rows, columns] = bias_extents(problem);
  const int64_t width = std::min<int64_t>(columns, kBlock);
  const int64_t rows_a_run = kBlock / width * kRowsPerThread;
  const int64_t runs = std::clamp<int64_t>(rows / rows_a_run, 1, kMaxRuns);
  const LaunchShape shape{.grid = {blocks_for(columns, width), static_cast<unsigned>(runs), 1},
                          .block = {kBlock, 1, 1}};
  const auto workspace = runs > 1 ? static_cast<std::size_t>(runs * columns) * sizeof(float) : 0;
  return {
      .workspace_bytes = workspace,
      .run = [=, rows = rows, columns = static_cast<unsigned>(columns),
              width = static_cast<unsigned>(width)](const Args& args, Stream& stream) {
        const float* dy = args.in<float>(0);  // [rows, columns]
        float* db = args.out<float>(0);       // [columns]
        float* partial = runs > 1 ? static_cast<float*>(args.workspace) : db;
        launch(stream, "bias_gradient_rows", shape, column_sums, dy, partial, rows, columns, width);
        if (runs == 1) return;
        LaunchShape last = shape;
        last.grid[1] = 1;
        launch(stream, "bias_gradient_runs", last, column_sums, partial, db, runs, columns, width);
      }};
}

}  // namespace

const Engine kBiasGradientTwoPassReduction{"two_pass_reduction", DeviceType::kCuda,
                                           EngineRole::kProduct, supports_f32_int32, prepare};

}  // namespace voluta
