// dropout, algorithm "elementwise": a thread draws one Philox block and scales the four elements that
// belong to it, read and written as one 16-byte access.
//   y[i] = x[i] * (kept(i) ? 1 / (1 - p) : 0)
//   grid   grid-stride over ceil(count / 4), at most 4096 blocks     block 256     smem 0
//   regs   25 (sm_90a)
//   maps   thread t: elements 4t .. 4t+3, then 4(t+T), ... of T threads; y may be x's memory
//   limits f32
//   bound  memory: 8 bytes an element for some 25 integer operations
//   measured never run on hardware

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/dropout/dropout_engines.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta::dropout {
namespace {

__global__ void __launch_bounds__(kElementwiseBlock)
    dropout_elementwise(const float* x, const int64_t* step, float* y, int64_t count, bool grouped,
                        Rule<float> rule) {
  const int64_t now = *step, blocks = (count + 3) / 4;
  for (int64_t block = grid_thread(); block < blocks; block += grid_threads()) {
    const Factors<float> factors = rule.factors(block, now);
    if (grouped && block < count / 4) {
      Floats<4> values = load<4>(x, block);
#pragma unroll
      for (int lane = 0; lane < 4; ++lane) values.lane[lane] *= factors.lane[lane];
      store<4>(y, block, values);
      continue;
    }
#pragma unroll
    for (int lane = 0; lane < 4; ++lane) {
      const int64_t i = 4 * block + lane;
      if (i < count) y[i] = x[i] * factors.lane[lane];
    }
  }
}

Execution prepare(const Problem& problem) {
  const Rule<float> rule(problem.options_as<DropoutOptions>());
  const int64_t count = problem.inputs[0].shape.elements();
  return {.run = [rule, count](const Args& args, Stream& stream) {
    const float* x = args.in<float>(0);
    float* y = args.out<float>(0);
    launch(stream, "dropout_elementwise", elementwise_shape((count + 3) / 4), dropout_elementwise,
           x, args.in<int64_t>(1), y, count, aligned16(x, y), rule);
  }};
}

}  // namespace

const Engine kElementwise{"elementwise", DeviceType::kCuda, EngineRole::kProduct,
                          supports_nonempty_f32, prepare};

}  // namespace voluta::dropout
