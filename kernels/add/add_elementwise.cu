// add, algorithm "elementwise": each thread adds neighbours, four of 32 bits or eight of 16, read and
// written as one 16-byte access.
//   y[i] = a[i] + b[i]
//   grid   (min(ceil(count / 1024), 4096)), 16 bits: / 2048     block 256     smem 0
//   regs   32, of 16 bits 28 (sm_90a)
//   maps   group i = block*256 + thread, then + grid*256, ...
//            | y0 y1 y2 y3 | y4 y5 y6 y7 | ...     the last elements, fewer than a group:
//            |  thread 0   |  thread 1   |         one a thread
//   limits f32, bf16, f16
//   measured never run on hardware

#include <voluta/kernels/add/add_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta {
namespace {

// a, b, y [count]; y may be the memory of either.
template <class T>
__global__ void add_elementwise(const T* a, const T* b, T* y, int64_t count, bool grouped) {
  map_elements(
      count, grouped, [](float p, float q) { return p + q; }, y, a, b);
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  return {.run = [count](const Args& args, Stream& stream) {
    const T *a = args.in<T>(0), *b = args.in<T>(1);
    T* y = args.out<T>(0);
    launch(stream, "add_elementwise", map_shape<T>(count), add_elementwise<T>, a, b, y, count,
           aligned16(a, b, y));
  }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}

}  // namespace

const Engine kAddElementwise{"elementwise", DeviceType::kCuda, EngineRole::kProduct,
                             supports_nonempty, prepare};

}  // namespace voluta
