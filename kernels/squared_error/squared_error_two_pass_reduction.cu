// squared_error, algorithm "two_pass_reduction": each block sums the squares of its elements in
// double, then one block sums the blocks. Which thread adds which elements depends on their count
// alone, so the order is fixed; 16-byte loads change nothing but the speed. The gradient is
// elementwise.
//   loss  = 1/M sum_i (p[i] - t[i])^2        dp[i] = 2 dloss / M (p[i] - t[i])
//   grid   (min(ceil(M / 4096), 1024)), then (1)     block 256     smem 64 B     regs 32 (sm_90a)
//          gradient: (min(ceil(M / 1024), 4096))     block 256     smem 0        regs 30
//   maps   group of four i = block*256 + thread, then + grid*256, ...
//            | p0 p1 p2 p3 | p4 p5 p6 p7 | ...     the last group may be short;
//            |  thread 0   |  thread 1   |         a warp's sums meet by shuffles, warps in order
//   limits f32
//   measured none: no GPU yet

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/squared_error/squared_error_engines.h>
#include <voluta/kernels/common/elementwise.cuh>
#include <voluta/kernels/common/reduction.cuh>

#include <algorithm>

namespace voluta::mean_squares {
namespace {

constexpr unsigned kBlock = 256;
constexpr int64_t kMaxBlocks = 1024;         // several a multiprocessor, few for the last block
constexpr int64_t kElementsPerBlock = 4096;  // at least: four groups a thread pay for the tree

// The difference is rounded to f32, its square is exact in double.
__device__ double square(float prediction, float target) {
  const double difference = prediction - target;
  return difference * difference;
}

// prediction, target [count] -> sums [gridDim.x]. `grouped`: both at multiples of 16 bytes.
__global__ void __launch_bounds__(kBlock)
    squared_error_blocks(const float* prediction, const float* target, double* sums, int64_t count,
                         bool grouped) {
  VOLUTA_SHARED(double[kBlock / 32], scratch);
  double sum = 0;
  const int64_t groups = count / 4;
  for (int64_t i = grid_thread(); i < groups; i += grid_threads()) {
    if (grouped) {
      const Floats<4> p = load<4>(prediction, i), t = load<4>(target, i);
#pragma unroll
      for (int lane = 0; lane < 4; ++lane) sum += square(p.lane[lane], t.lane[lane]);
    } else {
      for (int64_t j = 4 * i; j < 4 * i + 4; ++j) sum += square(prediction[j], target[j]);
    }
  }
  for (int64_t j = 4 * groups + grid_thread(); j < count; j += grid_threads()) {
    sum += square(prediction[j], target[j]);
  }
  sum = block_sum_by_warps(sum, scratch);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// sums [blocks] -> loss [].
__global__ void __launch_bounds__(kBlock)
    squared_error_mean(const double* sums, float* loss, int64_t blocks, int64_t count) {
  VOLUTA_SHARED(double[kBlock / 32], scratch);
  double sum = 0;
  for (int64_t i = threadIdx.x; i < blocks; i += kBlock) sum += sums[i];
  sum = block_sum_by_warps(sum, scratch);
  if (threadIdx.x == 0) *loss = static_cast<float>(sum / static_cast<double>(count));
}

// prediction, target, gradient [count], dloss []; gradient may be the memory of either.
__global__ void squared_error_gradient(const float* prediction, const float* target,
                                       const float* dloss, float* gradient, int64_t count,
                                       bool grouped, float two_by_count) {
  const float factor = *dloss * two_by_count;
  map_elements(
      count, grouped, [=](float p, float t) { return factor * (p - t); }, gradient, prediction,
      target);
}

Execution prepare(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  const int64_t blocks =
      std::min<int64_t>((count + kElementsPerBlock - 1) / kElementsPerBlock, kMaxBlocks);
  const LaunchShape shape{.grid = {static_cast<unsigned>(blocks), 1, 1}, .block = {kBlock, 1, 1}};
  return {.workspace_bytes = static_cast<std::size_t>(blocks) * sizeof(double),
          .run = [=](const Args& args, Stream& stream) {
            const float *prediction = args.in<float>(0), *target = args.in<float>(1);
            double* sums = static_cast<double*>(args.workspace);
            launch(stream, "squared_error_blocks", shape, squared_error_blocks, prediction, target,
                   sums, count, aligned16(prediction, target));
            launch(stream, "squared_error_mean", {.grid = {1, 1, 1}, .block = {kBlock, 1, 1}},
                   squared_error_mean, sums, args.out<float>(0), blocks, count);
          }};
}

Execution prepare_gradient(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  return {.run = [count](const Args& args, Stream& stream) {
    const float *prediction = args.in<float>(0), *target = args.in<float>(1);
    float* gradient = args.out<float>(0);
    launch(stream, "squared_error_gradient", elementwise_shape((count + 3) / 4),
           squared_error_gradient, prediction, target, args.in<float>(2), gradient, count,
           aligned16(prediction, target, gradient),
           static_cast<float>(2.0 / static_cast<double>(count)));
  }};
}

}  // namespace

const Engine kTwoPassReduction{"two_pass_reduction", DeviceType::kCuda, EngineRole::kProduct,
                               supports_nonempty_f32, prepare};
const Engine kGradientElementwise{"elementwise", DeviceType::kCuda, EngineRole::kProduct,
                                  supports_nonempty_f32, prepare_gradient};

}  // namespace voluta::mean_squares
