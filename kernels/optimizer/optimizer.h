#pragma once

// Updates of parameters, in place. An op takes any number of tensors at once, so that a step of a
// whole network is a handful of kernels.
//
//   p parameter   g gradient   m, v, b what the optimiser keeps of a parameter (its slots)
//   lr [] learning rate   t [] number of this update, from 1
//
// Inputs: p_1..p_n, g_1..g_n, the n tensors of each slot, then the scalars that the op names.
// Outputs: the new p_1..p_n, then the new slots; each takes its input's place. All tensors have one
// floating type, but for gradients of f32 parameters, which may all be bf16 or all f16: mixed precision
// computes them so. lr, scales and norms are f32 (f64 for f64 parameters), t is i64.
//
// With `scaled` gradients the last input is gradient_scale []: g is multiplied by it first, a
// clipping factor or what undoes a loss scale. Where it is not finite, the step is left out and
// nothing changes, as torch.amp.GradScaler does; with a loss scale t does not rise then either
// (loss_scale_update of gradient_norm.h counts it).
//
// Infer throws invalid() for options out of range and for tensors that do not fit each other.

#include <voluta/core/graph/op.h>

namespace voluta {

// torch.optim.SGD, without dampening.
//   g = g + weight_decay * p
//   b = momentum * b + g                          (momentum only)
//   p = p - lr * (nesterov ? g + momentum * b : b)
// PyTorch's first step sets b = g; slots of zeros do the same here.
struct SgdOptions {
  double momentum = 0;      // >= 0
  double weight_decay = 0;  // >= 0, of the L2 penalty
  bool nesterov = false;    // needs momentum > 0
  bool scaled = false;
};

// Tieleman and Hinton 2012, "Lecture 6.5 - rmsprop".
//   g = g + weight_decay * p
//   v = alpha * v + (1 - alpha) * g^2
//   PyTorch:     b = momentum * b + g / (sqrt(v) + epsilon)         p = p - lr * b
//   TensorFlow:  b = momentum * b + lr * g / sqrt(v + epsilon)      p = p - b
// Slots v and, with momentum, b. TensorFlow's v starts at one (timm's RMSpropTF), PyTorch's at zero.
struct RmspropOptions {
  double alpha = 0.99;  // in [0, 1)
  double epsilon = 1e-8;
  double momentum = 0;
  double weight_decay = 0;
  bool tensorflow = false;
  bool scaled = false;
};

// Kingma and Ba 2015, "Adam", algorithm 1; Loshchilov and Hutter 2019, "Decoupled weight decay
// regularization", algorithm 2.
//   Adam:  g = g + weight_decay * p          AdamW (decoupled):  p = p - lr * weight_decay * p
//   m = beta1 * m + (1 - beta1) * g
//   v = beta2 * v + (1 - beta2) * g^2
//   p = p - lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + epsilon)
// Scalars lr, t.
struct AdamOptions {
  double beta1 = 0.9, beta2 = 0.999;  // in (0, 1)
  double epsilon = 1e-8;
  double weight_decay = 0;
  bool decoupled = false;
  bool scaled = false;
};

// You, Gitman and Ginsburg 2017, "Large batch training of convolutional networks", algorithm 1, in
// the form of timm's Lars.
//   r = trust * |p| / (|g| + weight_decay * |p| + epsilon)     over the tensor; 1 where a norm is 0
//   g = r * (g + weight_decay * p), then as SGD
// Scalars norms [2n] (|p_1|..|p_n|, |g_1|..|g_n| of the gradients as they come), lr.
struct LarsOptions {
  double momentum = 0.9;
  double weight_decay = 0;
  double trust = 0.001;  // > 0
  double epsilon = 1e-8;
  bool nesterov = false;
  bool scaled = false;
};

// Running averages (Polyak and Juditsky 1992), of parameters or of gradients: g is what is averaged,
// lr its share, 1 - decay, in [0, 1].
//   p = lr < 1 ? p + lr * (g - p) : g
// So a share of 1 begins anew, whatever p was.
struct AverageOptions {};

// An update op, by its options; Name::kName is what files and lists call it.
template <class UpdateOptions>
struct OptimizerUpdate : NotDifferentiable {
  using Options = UpdateOptions;
  static const std::string_view kName;
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 8, at most
  static std::string describe(
      const Problem& problem);  // "n48000,500 momentum0.9 gradients_bf16 f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

template <>
inline constexpr std::string_view OptimizerUpdate<SgdOptions>::kName = "sgd_update";
template <>
inline constexpr std::string_view OptimizerUpdate<RmspropOptions>::kName = "rmsprop_update";
template <>
inline constexpr std::string_view OptimizerUpdate<AdamOptions>::kName = "adam_update";
template <>
inline constexpr std::string_view OptimizerUpdate<LarsOptions>::kName = "lars_update";
template <>
inline constexpr std::string_view OptimizerUpdate<AverageOptions>::kName = "average_update";

using SgdUpdate = OptimizerUpdate<SgdOptions>;
using RmspropUpdate = OptimizerUpdate<RmspropOptions>;
using AdamUpdate = OptimizerUpdate<AdamOptions>;
using LarsUpdate = OptimizerUpdate<LarsOptions>;
using AverageUpdate = OptimizerUpdate<AverageOptions>;

// Tensors that an update of these options keeps for each parameter.
int slots_of(const SgdOptions& options);      // 1 with momentum
int slots_of(const RmspropOptions& options);  // 2 with momentum, else 1
int slots_of(const AdamOptions& options);     // 2
int slots_of(const LarsOptions& options);     // 1 with momentum
int slots_of(const AverageOptions& options);  // 0

}  // namespace voluta
