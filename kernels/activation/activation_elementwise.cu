// activation, algorithm "elementwise": each thread maps four neighbouring floats, read and written
// as one 16-byte access.
//   y[i] = activate(x[i])        dx[i] = dy[i] * activate'(from y[i], or x[i] by its rule)
//   grid   (min(ceil(count / 1024), 4096))     block 256     smem 0     regs 32, 40 (sm_90a)
//   maps   group i = block*256 + thread, then + grid*256, ...
//            | x0 x1 x2 x3 | x4 x5 x6 x7 | ...     the last count % 4 floats:
//            |  thread 0   |  thread 1   |         one a thread
//   limits f32
//   measured never run on hardware

#include <voluta/kernels/activation/activation.h>
#include <voluta/kernels/activation/activation_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta {
namespace {

// x, y [count]; they may be the same memory.
__global__ void activation_elementwise(const float* x, float* y, int64_t count, bool grouped,
                                       ActivationKind kind, float slope) {
  map_elements(
      count, grouped, [=](float v) { return activate(kind, v, slope); }, y, x);
}

// kept (y or x), dy, dx [count]; dx may be the memory of either.
__global__ void activation_gradient_elementwise(const float* kept, const float* dy, float* dx,
                                                int64_t count, bool grouped, ActivationKind kind,
                                                float slope) {
  map_elements(
      count, grouped, [=](float k, float g) { return activate_gradient(kind, k, g, slope); }, dx,
      kept, dy);
}

Execution prepare(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  const ActivationOptions options = problem.options_as<ActivationOptions>();
  return {.run = [count, options](const Args& args, Stream& stream) {
    const float* x = args.in<float>(0);
    float* y = args.out<float>(0);
    launch(stream, "activation_elementwise", elementwise_shape((count + 3) / 4),
           activation_elementwise, x, y, count, aligned16(x, y), options.kind,
           static_cast<float>(options.negative_slope));
  }};
}

Execution prepare_gradient(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  const ActivationOptions options = problem.options_as<ActivationOptions>();
  return {.run = [count, options](const Args& args, Stream& stream) {
    const float *kept = args.in<float>(0), *dy = args.in<float>(1);
    float* dx = args.out<float>(0);
    launch(stream, "activation_gradient_elementwise", elementwise_shape((count + 3) / 4),
           activation_gradient_elementwise, kept, dy, dx, count, aligned16(kept, dy, dx),
           options.kind, static_cast<float>(options.negative_slope));
  }};
}

}  // namespace

const Engine kActivationElementwise{"elementwise", DeviceType::kCuda, EngineRole::kProduct,
                                    supports_nonempty_f32, prepare};
const Engine kActivationGradientElementwise{"elementwise", DeviceType::kCuda, EngineRole::kProduct,
                                            supports_nonempty_f32, prepare_gradient};

}  // namespace voluta
