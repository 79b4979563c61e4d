#pragma once

// Activations, element by element, and their gradients.
//
//   kind         y = activate(x)               dy / dx
//   relu         max(x, 0)                     1 where y > 0, else 0 (0 at x = 0)
//   relu6        min(max(x, 0), 6)             1 where 0 < y < 6, else 0
//   tanh         tanh(x)                       1 - y^2
//   sigmoid      s(x) = 1 / (1 + exp(-x))      y (1 - y)
//   leaky_relu   x where x > 0, else a x       1 where y > 0, else a
//   hardswish    x min(max(x+3, 0), 6) / 6     0 for x <= -3, 1 for x >= 3, else x/3 + 1/2
//   silu         x s(x)                        s (1 + x (1 - s)), s = s(x)
//
// a is the option negative_slope. NaN stays NaN, as in PyTorch: comparisons are written so that a
// NaN passes through them. Sources: Howard et al. 2019, "Searching for MobileNetV3", section 5.2
// (hardswish); Elfwing et al. 2017, "Sigmoid-weighted linear units" (silu).
//
// Note [What a gradient of an activation reads]
// The gradient comes from the OUTPUT y alone where y determines it, so that a graph need not keep x
// and a fused convolution never stores it. hardswish and silu, which fall and rise, and leaky_relu
// with a <= 0, whose y has the sign of x no more, need the INPUT x: gradient_reads_input() is that
// rule, for the graph and for every engine.

#include <voluta/core/graph/op.h>
#include <voluta/core/macros.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

namespace voluta {

enum class ActivationKind : uint8_t {
  kNone,
  kRelu,
  kRelu6,
  kTanh,
  kSigmoid,
  kLeakyRelu,
  kHardswish,
  kSilu
};

std::string_view name_of(ActivationKind kind);  // "none", "relu", ..., "leaky_relu", "silu"
ActivationKind parse_activation_kind(std::string_view name);  // throws invalid(), listing the names

inline constexpr double kLeakyReluSlope = 0.01;  // torch.nn.LeakyReLU's default

struct ActivationOptions {
  ActivationKind kind = ActivationKind::kRelu;
  double negative_slope = kLeakyReluSlope;  // of leaky_relu: finite; ignored by the others
};

// Whether the gradient reads x rather than y. See Note [What a gradient of an activation reads].
bool gradient_reads_input(const ActivationOptions& options);

// Whether a producer's epilogue, which knows the kind alone, computes this activation.
bool fits_epilogue(const ActivationOptions& options);

// "relu"; "leaky_relu", and "leaky_relu slope0.2" where the slope is not the default.
std::string describe(const ActivationOptions& options);

// y = activate(x), for T float or double: what fused epilogues and references call. `slope` is
// leaky_relu's.
template <class T>
VOLUTA_HOST_DEVICE inline T activate(ActivationKind kind, T x, T slope = T(kLeakyReluSlope)) {
  switch (kind) {
    case ActivationKind::kRelu:
      return x < T(0) ? T(0) : x;
    case ActivationKind::kRelu6:
      return x < T(0) ? T(0) : x > T(6) ? T(6) : x;
    case ActivationKind::kTanh:
      return std::tanh(x);
    case ActivationKind::kSigmoid:
      return T(1) / (T(1) + std::exp(-x));
    case ActivationKind::kLeakyRelu:
      return x > T(0) ? x : x * slope;
    case ActivationKind::kHardswish: {
      const T shifted = x + T(3);
      return x * (shifted < T(0) ? T(0) : shifted > T(6) ? T(6) : shifted) / T(6);
    }
    case ActivationKind::kSilu:
      return x / (T(1) + std::exp(-x));
    default:
      return x;
  }
}

// dx = dy * dactivate/dx, from `kept`: y, or x where gradient_reads_input(). (1-y)(1+y) rather than
// 1-y*y: 1-y is exact near |y| = 1, where the difference of squares would lose every digit.
template <class T>
VOLUTA_HOST_DEVICE inline T activate_gradient(ActivationKind kind, T kept, T dy,
                                              T slope = T(kLeakyReluSlope)) {
  switch (kind) {
    case ActivationKind::kRelu:
      return kept <= T(0) ? T(0) : dy;
    case ActivationKind::kRelu6:
      return (kept <= T(0) || kept >= T(6)) ? T(0) : dy;
    case ActivationKind::kTanh:
      return dy * ((T(1) - kept) * (T(1) + kept));
    case ActivationKind::kSigmoid:
      return dy * (kept * (T(1) - kept));
    case ActivationKind::kLeakyRelu:
      return kept > T(0) ? dy : dy * slope;
    case ActivationKind::kHardswish:
      return kept <= T(-3) ? T(0) : kept >= T(3) ? dy : dy * (kept / T(3) + T(0.5));
    case ActivationKind::kSilu: {
      const T sigmoid = T(1) / (T(1) + std::exp(-kept));
      return dy * (sigmoid * (T(1) + kept * (T(1) - sigmoid)));
    }
    default:
      return dy;
  }
}

// x[any shape] -> y[same shape]; y may take x's memory.
struct Activation {
  using Options = ActivationOptions;
  static constexpr std::string_view kName = "activation";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);  // "n64h28w28c6 leaky_relu f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

// (y, or x where gradient_reads_input(); dy) -> dx, all of one shape; dx may take the memory of
// either.
struct ActivationGradient : NotDifferentiable {
  using Options = ActivationOptions;
  static constexpr std::string_view kName = "activation_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

}  // namespace voluta
