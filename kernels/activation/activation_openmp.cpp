// activation on the CPU as a loop over flat memory: relu and relu6, and all gradients, which are a
// few operations an element and run at the memory's speed. The gradients of tanh and sigmoid come
// from y, so nothing here needs a vector exp.

#include <voluta/kernels/activation/activation.h>
#include <voluta/kernels/activation/activation_engines.h>
#include <voluta/kernels/common/problem_checks.h>

namespace voluta {
namespace {

Support supports(const Problem& problem) {
  const ActivationKind kind = problem.options_as<ActivationOptions>().kind;
  if (kind == ActivationKind::kTanh || kind == ActivationKind::kSigmoid) {
    return Support::no("tanh and sigmoid need a vector exp, which the onednn engine has");
  }
  return supports_nonempty_f32(problem);
}

// Below this many elements, waking threads costs more than the loop.
constexpr int64_t kParallelElements = 32768;

template <ActivationKind kKind>
void forward(int64_t count, const float* x, float* y) {
#pragma omp parallel for simd if (count > kParallelElements)
  for (int64_t i = 0; i < count; ++i) y[i] = activate(kKind, x[i]);
}

template <ActivationKind kKind>
void backward(int64_t count, const float* y, const float* dy, float* dx) {
#pragma omp parallel for simd if (count > kParallelElements)
  for (int64_t i = 0; i < count; ++i) {
    const float gradient = dy[i];  // read for every i: a load under a condition stays scalar
    dx[i] = activate_gradient(kKind, y[i], gradient);
  }
}

Execution prepare(const Problem& problem) {
  using enum ActivationKind;
  const int64_t count = problem.inputs[0].shape.elements();
  const ActivationKind kind = problem.options_as<ActivationOptions>().kind;
  auto* const loop = kind == kRelu    ? forward<kRelu>
                     : kind == kRelu6 ? forward<kRelu6>
                                      : forward<kNone>;
  return {.run = [=](const Args& args, Stream&) {
    loop(count, args.in<float>(0), args.out<float>(0));
  }};
}

Execution prepare_gradient(const Problem& problem) {
  using enum ActivationKind;
  static constexpr decltype(&backward<kNone>) kLoops[] = {
      backward<kNone>, backward<kRelu>, backward<kRelu6>, backward<kTanh>, backward<kSigmoid>};
  const int64_t count = problem.inputs[0].shape.elements();
  const auto kind = static_cast<std::size_t>(problem.options_as<ActivationOptions>().kind);
  return {.run = [count, loop = kLoops[kind]](const Args& args, Stream&) {
    loop(count, args.in<float>(0), args.in<float>(1), args.out<float>(0));
  }};
}

}  // namespace

const Engine kActivationOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports, prepare};
const Engine kActivationGradientOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct,
                                       supports_nonempty_f32, prepare_gradient};

}  // namespace voluta
