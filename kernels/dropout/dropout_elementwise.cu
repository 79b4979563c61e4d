// dropout, algorithm "elementwise": a thread draws Philox blocks and scales the four elements that
// belong to each, read and written as one 16-byte access: one block of 32-bit elements, two of 16.
//   y[i] = x[i] * (kept(i) ? 1 / (1 - p) : 0)
//   grid   grid-stride over ceil(count / 4), 16 bits: / 8, at most 4096 blocks     block 256     smem 0
//   regs   25, of 16 bits 29 (sm_90a)
//   maps   thread t: elements 4t .. 4t+3, then 4(t+T), ... of T threads; y may be x's memory
//   limits f32, bf16, f16
//   bound  memory: 8 bytes an element, 4 of 16 bits, for some 25 integer operations
//   measured never run on hardware

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/dropout/dropout_engines.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta::dropout {
namespace {

template <class T>
__global__ void __launch_bounds__(kElementwiseBlock)
    dropout_elementwise(const T* x, const int64_t* step, T* y, int64_t count, bool grouped,
                        Rule<float> rule) {
  constexpr int kWidth = kVector<T>;
  const int64_t now = *step, items = (count + kWidth - 1) / kWidth;
  for (int64_t item = grid_thread(); item < items; item += grid_threads()) {
    Floats<kWidth> factors;
#pragma unroll
    for (int block = 0; block < kWidth / 4; ++block) {
      const Factors<float> four = rule.factors(item * (kWidth / 4) + block, now);
#pragma unroll
      for (int lane = 0; lane < 4; ++lane) factors.lane[4 * block + lane] = four.lane[lane];
    }
    if (grouped && item < count / kWidth) {
      Floats<kWidth> values = load<kWidth>(x, item);
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) values.lane[lane] *= factors.lane[lane];
      store<kWidth>(y, item, values);
      continue;
    }
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) {
      const int64_t i = kWidth * item + lane;
      if (i < count) y[i] = from_float<T>(to_float(x[i]) * factors.lane[lane]);
    }
  }
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const Rule<float> rule(problem.options_as<DropoutOptions>());
  const int64_t count = problem.inputs[0].shape.elements();
  return {.run = [rule, count](const Args& args, Stream& stream) {
    const T* x = args.in<T>(0);
    T* y = args.out<T>(0);
    launch(stream, "dropout_elementwise", map_shape<T>(count), dropout_elementwise<T>, x,
           args.in<int64_t>(1), y, count, aligned16(x, y), rule);
  }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}

}  // namespace

const Engine kElementwise{"elementwise", DeviceType::kCuda, EngineRole::kProduct, supports_nonempty,
                          prepare};

}  // namespace voluta::dropout
