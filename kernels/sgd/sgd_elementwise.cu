// sgd, algorithm "elementwise": a thread an element, everything read and written once.
//   g += weight_decay * p;  b = momentum * b + g;  p -= lr * (nesterov ? g + momentum * b : b)
//   grid   grid-stride, at most 4096 blocks     block 256     smem 0     regs 32 (sm_90a)
//   maps   thread t: elements t, t + T, t + 2T, ... of T threads; p_out may be p, b_out may be b
//   limits f32
//   bound  memory: 20 bytes an element with momentum, 12 without, for 4 to 8 operations
//   measured never run on hardware

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/sgd/sgd_engines.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta::sgd {
namespace {

template <bool kMomentum, bool kNesterov>
__global__ void __launch_bounds__(kElementwiseBlock)
    sgd_elementwise(Operands<float, float> at, float momentum, float decay, int64_t count) {
  const float lr = *at.lr;
  for (int64_t i = grid_thread(); i < count; i += grid_threads()) {
    const float p = at.p[i];
    float step = fmaf(decay, p, at.g[i]);
    if constexpr (kMomentum) {
      const float velocity = fmaf(momentum, at.b[i], step);
      at.b_out[i] = velocity;
      step = kNesterov ? fmaf(momentum, velocity, step) : velocity;
    }
    at.p_out[i] = fmaf(-lr, step, p);
  }
}

Execution prepare(const Problem& problem) {
  const SgdOptions& options = problem.options_as<SgdOptions>();
  const int64_t count = problem.inputs[0].shape.elements();
  const auto momentum = static_cast<float>(options.momentum);
  const auto decay = static_cast<float>(options.weight_decay);
  const bool has_momentum = options.momentum != 0;
  auto* const kernel = !has_momentum      ? sgd_elementwise<false, false>
                       : options.nesterov ? sgd_elementwise<true, true>
                                          : sgd_elementwise<true, false>;
  return {.run = [=](const Args& args, Stream& stream) {
    launch(stream, "sgd_elementwise", elementwise_shape(count), kernel,
           operands<float, float>(args, has_momentum), momentum, decay, count);
  }};
}

}  // namespace

const Engine kElementwise{"elementwise", DeviceType::kCuda, EngineRole::kProduct,
                          supports_nonempty_f32, prepare};

}  // namespace voluta::sgd
