// scale, algorithm "elementwise": each thread maps neighbours, four of 32 bits or eight of 16, read
// and written as one 16-byte access.
//   y[i] = factor * x[i]
//   grid   (min(ceil(count / 1024), 4096)), 16 bits: / 2048     block 256     smem 0
//   regs   32, of 16 bits 25 (sm_90a)
//   maps   group i = block*256 + thread, then + grid*256, ...; the last elements, fewer than a
//          group, one a thread
//   limits f32, bf16, f16
//   measured none: no GPU yet

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/scale/scale.h>
#include <voluta/kernels/scale/scale_engines.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta {
namespace {

// x, y [count]; they may be the same memory.
template <class T>
__global__ void scale_elementwise(const T* x, T* y, int64_t count, bool grouped, float factor) {
  map_elements(
      count, grouped, [=](float v) { return factor * v; }, y, x);
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  const auto factor = static_cast<float>(problem.options_as<ScaleOptions>().factor);
  return {.run = [count, factor](const Args& args, Stream& stream) {
    const T* x = args.in<T>(0);
    T* y = args.out<T>(0);
    launch(stream, "scale_elementwise", map_shape<T>(count), scale_elementwise<T>, x, y, count,
           aligned16(x, y), factor);
  }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}

}  // namespace

const Engine kScaleElementwise{"elementwise", DeviceType::kCuda, EngineRole::kProduct,
                               supports_nonempty, prepare};

}  // namespace voluta
