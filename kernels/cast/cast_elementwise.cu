// cast, algorithm "elementwise": each thread maps neighbours, eight where x or y has 16 bits, the
// shorter type as one 16-byte access.
//   y[i] = x[i], rounded to nearest even
//   grid   (min(ceil(count / 2048), 4096))     block 256     smem 0     regs 26-32 (sm_90a)
//   maps   group i = block*256 + thread, then + grid*256, ...
//            | y0 .. y7 | y8 .. y15 | ...     the last count % 8:
//            | thread 0 | thread 1  |         one a thread
//   limits f32, bf16, f16; one tensor
//   bound  memory: 6 bytes an element between f32 and 16 bits
//   measured never run on hardware

#include <voluta/kernels/cast/cast_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta {
namespace {

// x, y [count].
template <class X, class Y>
__global__ void cast_elementwise(const X* x, Y* y, int64_t count, bool grouped) {
  map_elements(
      count, grouped, [](float v) { return v; }, y, x);
}

template <class X, class Y>
Execution prepare_as(int64_t count) {
  return {.run = [count](const Args& args, Stream& stream) {
    const X* x = args.in<X>(0);
    Y* y = args.out<Y>(0);
    launch(stream, "cast_elementwise", map_shape<Y, X>(count), cast_elementwise<X, Y>, x, y, count,
           aligned16(x, y));
  }};
}

Execution prepare(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  return dispatch_elements(problem.inputs[0].dtype, [&]<class X>() {
    return dispatch_elements(problem.outputs[0].dtype,
                             [&]<class Y>() { return prepare_as<X, Y>(count); });
  });
}

Support supports(const Problem& problem) {
  if (problem.inputs.size() == 1) return supports_nonempty(problem);
  return Support::no("casts one tensor");
}

}  // namespace

const Engine kCastElementwise{"elementwise", DeviceType::kCuda, EngineRole::kProduct, supports,
                              prepare};

}  // namespace voluta
