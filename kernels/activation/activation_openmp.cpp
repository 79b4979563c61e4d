// activation on the CPU as a loop over flat memory: what is a few operations an element and runs at
// the memory's speed. The gradients of tanh and sigmoid come from y, so nothing here needs a vector
// exp.

#include <voluta/kernels/activation/activation.h>
#include <voluta/kernels/activation/activation_engines.h>
#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>

namespace voluta {
namespace {

using enum ActivationKind;

Support supports(const Problem& problem) {
  if (needs_exp(problem.options_as<ActivationOptions>().kind)) {
    return Support::no("tanh, sigmoid and silu need a vector exp, which the onednn engine has");
  }
  return supports_nonempty_f32(problem);
}

Support supports_gradient(const Problem& problem) {
  if (problem.options_as<ActivationOptions>().kind == kSilu) {
    return Support::no("silu needs a vector exp, which the onednn engine has");
  }
  return supports_nonempty_f32(problem);
}

template <ActivationKind kKind>
void forward(int64_t count, const float* x, float* y, float slope) {
#pragma omp parallel for simd if (count > kParallelElements)
  for (int64_t i = 0; i < count; ++i) y[i] = activate(kKind, x[i], slope);
}

template <ActivationKind kKind>
void backward(int64_t count, const float* kept, const float* dy, float* dx, float slope) {
#pragma omp parallel for simd if (count > kParallelElements)
  for (int64_t i = 0; i < count; ++i) {
    const float gradient = dy[i];  // read for every i: a load under a condition stays scalar
    dx[i] = activate_gradient(kKind, kept[i], gradient, slope);
  }
}

auto backward_of(ActivationKind kind) {
  switch (kind) {
    case kRelu:
      return backward<kRelu>;
    case kRelu6:
      return backward<kRelu6>;
    case kTanh:
      return backward<kTanh>;
    case kSigmoid:
      return backward<kSigmoid>;
    case kLeakyRelu:
      return backward<kLeakyRelu>;
    case kHardswish:
      return backward<kHardswish>;
    default:
      return backward<kNone>;
  }
}

Execution prepare(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  const ActivationOptions options = problem.options_as<ActivationOptions>();
  return {.run = [=](const Args& args, Stream&) {
    activate_elements(options, count, args.in<float>(0), args.out<float>(0));
  }};
}

Execution prepare_gradient(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  const ActivationOptions options = problem.options_as<ActivationOptions>();
  return {.run = [count, loop = backward_of(options.kind),
                  slope = static_cast<float>(options.negative_slope)](const Args& args, Stream&) {
    loop(count, args.in<float>(0), args.in<float>(1), args.out<float>(0), slope);
  }};
}

}  // namespace

bool needs_exp(ActivationKind kind) {
  return kind == kTanh || kind == kSigmoid || kind == kSilu;
}

void activate_elements(const ActivationOptions& options, int64_t count, const float* x, float* y) {
  auto* const loop = options.kind == kRelu        ? forward<kRelu>
                     : options.kind == kRelu6     ? forward<kRelu6>
                     : options.kind == kLeakyRelu ? forward<kLeakyRelu>
                     : options.kind == kHardswish ? forward<kHardswish>
                                                  : forward<kNone>;
  loop(count, x, y, static_cast<float>(options.negative_slope));
}

const Engine kActivationOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports, prepare};
const Engine kActivationGradientOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct,
                                       supports_gradient, prepare_gradient};

}  // namespace voluta
