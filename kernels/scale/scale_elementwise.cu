// scale, algorithm "elementwise": each thread maps four neighbouring floats, read and written as
// one 16-byte access.
//   y[i] = factor * x[i]
//   grid   (min(ceil(count / 1024), 4096))     block 256     smem 0     regs 28 (sm_90a)
//   maps   group i = block*256 + thread, then + grid*256, ...; the last count % 4 one a thread
//   limits f32
//   measured none: no GPU yet

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/scale/scale.h>
#include <voluta/kernels/scale/scale_engines.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta {
namespace {

// x, y [count]; they may be the same memory.
__global__ void scale_elementwise(const float* x, float* y, int64_t count, bool grouped,
                                  float factor) {
  map_elements(
      count, grouped, [=](float v) { return factor * v; }, y, x);
}

Execution prepare(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  const auto factor = static_cast<float>(problem.options_as<ScaleOptions>().factor);
  return {.run = [count, factor](const Args& args, Stream& stream) {
    const float* x = args.in<float>(0);
    float* y = args.out<float>(0);
    launch(stream, "scale_elementwise", elementwise_shape((count + 3) / 4), scale_elementwise, x, y,
           count, aligned16(x, y), factor);
  }};
}

}  // namespace

const Engine kScaleElementwise{"elementwise", DeviceType::kCuda, EngineRole::kProduct,
                               supports_nonempty_f32, prepare};

}  // namespace voluta
