#pragma once

// One step of stochastic gradient descent, in place: torch.optim.SGD's, without dampening.
//   g = g + weight_decay * p
//   b = momentum * b + g              (momentum only)
//   g = nesterov ? g + momentum * b : b
//   p = p - lr * g
// PyTorch's first step sets b = g; a buffer of zeros does the same here: momentum * 0 + g = g.
//
// Note [SGD error bound]
// In units of u = 2^-24, with A = |g| + weight_decay |p|, B = momentum |b| + A and
// D = nesterov ? A + momentum B : B, one step of an f32 engine keeps
//   |b' - ref| <= 6 u B       |p' - ref| <= u |p'| + 12 u lr D
// (coefficients, products and sums are rounded once each). The engines differ among themselves only
// in whether a product and a sum are one rounding (CUDA) or two (CPU).

#include <voluta/core/graph/op.h>

namespace voluta {

struct SgdOptions {
  double momentum = 0;      // >= 0
  double weight_decay = 0;  // >= 0, of the L2 penalty
  bool nesterov = false;    // needs momentum > 0
};

// With momentum: (p, g, b, lr []) -> (p', b'), without: (p, g, lr []) -> p'. p, g and b have one
// type; lr is f64 for f64 parameters, else f32. p' and b' take the place of p and b.
struct SgdUpdate : NotDifferentiable {
  using Options = SgdOptions;
  static constexpr std::string_view kName = "sgd_update";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 3: the sums above
  static std::string describe(const Problem& problem);      // "n48000 momentum0.9 decay0.0001 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

}  // namespace voluta
