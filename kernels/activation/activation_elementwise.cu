// activation, algorithm "elementwise": each thread maps neighbours, four of 32 bits or eight of 16,
// read and written as one 16-byte access.
//   y[i] = activate(x[i])        dx[i] = dy[i] * activate'(from y[i], or x[i] by its rule)
//   grid   (min(ceil(count / 1024), 4096)), 16 bits: / 2048     block 256     smem 0
//   regs   32, gradient 40 (sm_90a)
//   maps   group i = block*256 + thread, then + grid*256, ...
//            | x0 x1 x2 x3 | x4 x5 x6 x7 | ...     the last elements, fewer than a group:
//            |  thread 0   |  thread 1   |         one a thread
//   limits f32, bf16, f16
//   measured never run on hardware

#include <voluta/kernels/activation/activation.h>
#include <voluta/kernels/activation/activation_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta {
namespace {

// x, y [count]; they may be the same memory.
template <class T>
__global__ void activation_elementwise(const T* x, T* y, int64_t count, bool grouped,
                                       ActivationKind kind, float slope) {
  map_elements(
      count, grouped, [=](float v) { return activate(kind, v, slope); }, y, x);
}

// kept (y or x), dy, dx [count]; dx may be the memory of either.
template <class T>
__global__ void activation_gradient_elementwise(const T* kept, const T* dy, T* dx, int64_t count,
                                                bool grouped, ActivationKind kind, float slope) {
  map_elements(
      count, grouped, [=](float k, float g) { return activate_gradient(kind, k, g, slope); }, dx,
      kept, dy);
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  const ActivationOptions options = problem.options_as<ActivationOptions>();
  return {.run = [count, options](const Args& args, Stream& stream) {
    const T* x = args.in<T>(0);
    T* y = args.out<T>(0);
    launch(stream, "activation_elementwise", map_shape<T>(count), activation_elementwise<T>, x, y,
           count, aligned16(x, y), options.kind, static_cast<float>(options.negative_slope));
  }};
}

template <class T>
Execution prepare_gradient_as(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  const ActivationOptions options = problem.options_as<ActivationOptions>();
  return {.run = [count, options](const Args& args, Stream& stream) {
    const T *kept = args.in<T>(0), *dy = args.in<T>(1);
    T* dx = args.out<T>(0);
    launch(stream, "activation_gradient_elementwise", map_shape<T>(count),
           activation_gradient_elementwise<T>, kept, dy, dx, count, aligned16(kept, dy, dx),
           options.kind, static_cast<float>(options.negative_slope));
  }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}
Execution prepare_gradient(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_gradient_as<T>(problem); });
}

}  // namespace

const Engine kActivationElementwise{"elementwise", DeviceType::kCuda, EngineRole::kProduct,
                                    supports_nonempty, prepare};
const Engine kActivationGradientElementwise{"elementwise", DeviceType::kCuda, EngineRole::kProduct,
                                            supports_nonempty, prepare_gradient};

}  // namespace voluta
