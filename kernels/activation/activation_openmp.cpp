// activation on the CPU as a loop over flat memory: in f32 what is a few operations an element and
// runs at the memory's speed (the gradients of tanh and sigmoid come from y), in bf16 and f16 all.

#include <voluta/kernels/activation/activation.h>
#include <voluta/kernels/activation/activation_engines.h>
#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>

namespace voluta {
namespace {

using enum ActivationKind;

// In f32 the onednn engine has a vector exp; 16 bits have this engine alone.
Support leaves_exp_to_onednn(const Problem& problem, bool exp) {
  if (exp && problem.inputs[0].dtype == DType::f32) {
    return Support::no("tanh, sigmoid and silu need a vector exp, which the onednn engine has");
  }
  return supports_nonempty(problem);
}

Support supports(const Problem& problem) {
  return leaves_exp_to_onednn(problem, needs_exp(problem.options_as<ActivationOptions>().kind));
}
Support supports_gradient(const Problem& problem) {
  return leaves_exp_to_onednn(problem, problem.options_as<ActivationOptions>().kind == kSilu);
}

template <ActivationKind kKind, class T>
void forward(int64_t count, const T* x, T* y, float slope) {
#pragma omp parallel for simd if (count > kParallelElements)
  for (int64_t i = 0; i < count; ++i) {
    y[i] = static_cast<T>(activate(kKind, static_cast<float>(x[i]), slope));
  }
}

template <ActivationKind kKind, class T>
void backward(int64_t count, const T* kept, const T* dy, T* dx, float slope) {
#pragma omp parallel for simd if (count > kParallelElements)
  for (int64_t i = 0; i < count; ++i) {
    const auto gradient = static_cast<float>(dy[i]);  // for every i: a load under a condition
    const auto from = static_cast<float>(kept[i]);    // stays scalar
    dx[i] = static_cast<T>(activate_gradient(kKind, from, gradient, slope));
  }
}

// f.operator()<kKind>(): a loop a kind, without a switch in it.
template <class F>
auto with_kind(ActivationKind kind, F&& f) {
  switch (kind) {
    case kRelu:
      return f.template operator()<kRelu>();
    case kRelu6:
      return f.template operator()<kRelu6>();
    case kTanh:
      return f.template operator()<kTanh>();
    case kSigmoid:
      return f.template operator()<kSigmoid>();
    case kLeakyRelu:
      return f.template operator()<kLeakyRelu>();
    case kHardswish:
      return f.template operator()<kHardswish>();
    case kSilu:
      return f.template operator()<kSilu>();
    default:
      return f.template operator()<kNone>();
  }
}

template <class T>
auto forward_of(ActivationKind kind) {
  return with_kind(kind, []<ActivationKind kKind>() { return forward<kKind, T>; });
}
template <class T>
auto backward_of(ActivationKind kind) {
  return with_kind(kind, []<ActivationKind kKind>() { return backward<kKind, T>; });
}

Execution prepare(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  const ActivationOptions options = problem.options_as<ActivationOptions>();
  const auto slope = static_cast<float>(options.negative_slope);
  return dispatch_elements(problem, [&]<class T>() -> Execution {
    return {.run = [count, slope, loop = forward_of<T>(options.kind)](const Args& args, Stream&) {
      loop(count, args.in<T>(0), args.out<T>(0), slope);
    }};
  });
}

Execution prepare_gradient(const Problem& problem) {
  const int64_t count = problem.inputs[0].shape.elements();
  const ActivationOptions options = problem.options_as<ActivationOptions>();
  const auto slope = static_cast<float>(options.negative_slope);
  return dispatch_elements(problem, [&]<class T>() -> Execution {
    return {.run = [count, slope, loop = backward_of<T>(options.kind)](const Args& args, Stream&) {
      loop(count, args.in<T>(0), args.in<T>(1), args.out<T>(0), slope);
    }};
  });
}

}  // namespace

bool needs_exp(ActivationKind kind) {
  return kind == kTanh || kind == kSigmoid || kind == kSilu;
}

void activate_elements(const ActivationOptions& options, int64_t count, const float* x, float* y) {
  forward_of<float>(options.kind)(count, x, y, static_cast<float>(options.negative_slope));
}

const Engine kActivationOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports, prepare};
const Engine kActivationGradientOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct,
                                       supports_gradient, prepare_gradient};

}  // namespace voluta
