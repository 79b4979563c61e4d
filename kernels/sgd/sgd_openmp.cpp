// sgd on the CPU: one vectorised f32 loop, spread over the cores where that pays for the fork.

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/sgd/sgd_engines.h>

namespace voluta::sgd {
namespace {

constexpr int64_t kParallelFrom = 1 << 16;  // elements; below, a core is done before others wake

// `omp simd` says what the compiler cannot see: p_out may be p and b_out may be b, but element i
// depends on elements i alone.
template <bool kMomentum, bool kNesterov>
void update(const Operands<float, float>& at, float momentum, float decay, int64_t count) {
  const float *p = at.p, *g = at.g, *b = at.b, lr = *at.lr;
  float *p_out = at.p_out, *b_out = at.b_out;
#pragma omp parallel for simd if (count >= kParallelFrom) schedule(static)
  for (int64_t i = 0; i < count; ++i) {
    const float parameter = p[i];
    float step = g[i] + decay * parameter;
    if constexpr (kMomentum) {
      const float velocity = momentum * b[i] + step;
      b_out[i] = velocity;
      step = kNesterov ? step + momentum * velocity : velocity;
    }
    p_out[i] = parameter - lr * step;
  }
}

Execution prepare(const Problem& problem) {
  const SgdOptions& options = problem.options_as<SgdOptions>();
  const int64_t count = problem.inputs[0].shape.elements();
  const auto momentum = static_cast<float>(options.momentum);
  const auto decay = static_cast<float>(options.weight_decay);
  const bool has_momentum = options.momentum != 0;
  auto* const loop = !has_momentum      ? update<false, false>
                     : options.nesterov ? update<true, true>
                                        : update<true, false>;
  return {.run = [=](const Args& args, Stream&) {
    loop(operands<float, float>(args, has_momentum), momentum, decay, count);
  }};
}

}  // namespace

const Engine kOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty_f32,
                     prepare};

}  // namespace voluta::sgd
