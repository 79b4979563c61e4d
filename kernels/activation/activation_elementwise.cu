// activation, algorithm "elementwise": each thread maps four neighbouring floats, read and written
// as one 16-byte access.
//   y[i] = activate(x[i])        dx[i] = dy[i] * activate'(from y[i])
//   grid   (min(ceil(count / 1024), 4096))     block 256     smem 0     regs 32 (sm_90a)
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
                                       ActivationKind kind) {
  map_elements(
      count, grouped, [=](float v) { return activate(kind, v); }, y, x);
}

// y, dy, dx [count]; dx may be the memory of either.
__global__ void activation_gradient_elementwise(const float* y, const float* dy, float* dx,
                                                int64_t count, bool grouped, ActivationKind kind) {
  map_elements(
      count, grouped, [=](float out, float g) { return activate_gradient(kind, out, g); }, dx, y,
      dy);
}

Execution prepare(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  const ActivationKind kind = problem.options_as<ActivationOptions>().kind;
  return {.run = [count, kind](const Args& args, Stream& stream) {
    const float* x = args.in<float>(0);
    float* y = args.out<float>(0);
    launch(stream, "activation_elementwise", elementwise_shape((count + 3) / 4),
           activation_elementwise, x, y, count, aligned16(x, y), kind);
  }};
}

Execution prepare_gradient(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  const ActivationKind kind = problem.options_as<ActivationOptions>().kind;
  return {.run = [count, kind](const Args& args, Stream& stream) {
    const float *y = args.in<float>(0), *dy = args.in<float>(1);
    float* dx = args.out<float>(0);
    launch(stream, "activation_gradient_elementwise", elementwise_shape((count + 3) / 4),
           activation_gradient_elementwise, y, dy, dx, count, aligned16(y, dy, dx), kind);
  }};
}

}  // namespace

const Engine kActivationElementwise{"elementwise", DeviceType::kCuda, EngineRole::kProduct,
                                    supports_nonempty_f32, prepare};
const Engine kActivationGradientElementwise{"elementwise", DeviceType::kCuda, EngineRole::kProduct,
                                            supports_nonempty_f32, prepare_gradient};

}  // namespace voluta
