#pragma once

// Activations, element by element, and their gradients from the OUTPUT y alone, so that a graph
// need not keep x and a fused convolution never stores it.
//
//   kind       y = activate(x)          dx / dy, in terms of y
//   relu       max(x, 0)                1 where y > 0, else 0 (0 at x = 0)
//   relu6      min(max(x, 0), 6)        1 where 0 < y < 6, else 0
//   tanh       tanh(x)                  1 - y^2
//   sigmoid    1 / (1 + exp(-x))        y (1 - y)
//
// NaN stays NaN, as in PyTorch: comparisons are written so that a NaN passes through them.

#include <voluta/core/graph/op.h>
#include <voluta/core/macros.h>

#include <cmath>
#include <cstdint>
#include <string_view>

namespace voluta {

enum class ActivationKind : uint8_t { kNone, kRelu, kRelu6, kTanh, kSigmoid };

std::string_view name_of(ActivationKind kind);  // "none", "relu", "relu6", "tanh", "sigmoid"
ActivationKind parse_activation_kind(std::string_view name);  // throws invalid(), listing the names

// y = activate(x), for T float or double: what fused epilogues and references call.
template <class T>
VOLUTA_HOST_DEVICE inline T activate(ActivationKind kind, T x) {
  switch (kind) {
    case ActivationKind::kRelu:
      return x < T(0) ? T(0) : x;
    case ActivationKind::kRelu6:
      return x < T(0) ? T(0) : x > T(6) ? T(6) : x;
    case ActivationKind::kTanh:
      return std::tanh(x);
    case ActivationKind::kSigmoid:
      return T(1) / (T(1) + std::exp(-x));
    default:
      return x;
  }
}

// dx = dy * dactivate/dx, from y. (1-y)(1+y) rather than 1-y*y: 1-y is exact near |y| = 1, where
// the difference of squares would lose every digit.
template <class T>
VOLUTA_HOST_DEVICE inline T activate_gradient(ActivationKind kind, T y, T dy) {
  switch (kind) {
    case ActivationKind::kRelu:
      return y <= T(0) ? T(0) : dy;
    case ActivationKind::kRelu6:
      return (y <= T(0) || y >= T(6)) ? T(0) : dy;
    case ActivationKind::kTanh:
      return dy * ((T(1) - y) * (T(1) + y));
    case ActivationKind::kSigmoid:
      return dy * (y * (T(1) - y));
    default:
      return dy;
  }
}

struct ActivationOptions {
  ActivationKind kind = ActivationKind::kRelu;
};

// x[any shape] -> y[same shape]; y may take x's memory.
struct Activation {
  using Options = ActivationOptions;
  static constexpr std::string_view kName = "activation";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);
  static std::string describe(const Problem& problem);  // "n64h28w28c6 tanh f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

// (y, dy) -> dx, all of one shape; dx may take the memory of either.
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
