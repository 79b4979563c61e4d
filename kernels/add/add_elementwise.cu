// add, algorithm "elementwise": each thread adds four neighbouring floats, read and written as one
// 16-byte access.
//   y[i] = a[i] + b[i]
//   grid   (min(ceil(count / 1024), 4096))     block 256     smem 0     regs 30 (sm_90a)
//   maps   group i = block*256 + thread, then + grid*256, ...
//            | y0 y1 y2 y3 | y4 y5 y6 y7 | ...     the last count % 4 floats:
//            |  thread 0   |  thread 1   |         one a thread
//   limits f32
//   measured never run on hardware

#include <voluta/kernels/add/add_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta {
namespace {

// a, b, y [count]; y may be the memory of either.
__global__ void add_elementwise(const float* a, const float* b, float* y, int64_t count,
                                bool grouped) {
  map_elements(
      count, grouped, [](float p, float q) { return p + q; }, y, a, b);
}

Execution prepare(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  return {.run = [count](const Args& args, Stream& stream) {
    const float *a = args.in<float>(0), *b = args.in<float>(1);
    float* y = args.out<float>(0);
    launch(stream, "add_elementwise", elementwise_shape((count + 3) / 4), add_elementwise, a, b, y,
           count, aligned16(a, b, y));
  }};
}

}  // namespace

const Engine kAddElementwise{"elementwise", DeviceType::kCuda, EngineRole::kProduct,
                             supports_nonempty_f32, prepare};

}  // namespace voluta
