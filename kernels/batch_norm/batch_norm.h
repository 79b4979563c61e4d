#pragma once

// Batch normalisation over the last axis, the channels. The other axes are one axis of R rows:
// x[..., C] is a matrix [R,C], whether it comes as [N,H,W,C] or [N,C].
//   m[c] = sum_r x[r,c] / R        v[c] = sum_r (x[r,c] - m[c])^2 / R
//   y[r,c] = f((x[r,c] - m[c]) * s[c] * w[c] + b[c] + z[r,c]),    s[c] = 1 / sqrt(v[c] + epsilon)
// f is an activation and z a residual, an input like x: what is fused behind, both are options.
// Source: Ioffe and Szegedy 2015, "Batch normalization", algorithms 1 and 2. Training uses the
// batch's statistics and keeps running ones, inference uses the running ones; both as
// torch.nn.BatchNorm2d: the running variance takes in the unbiased v * R / (R - 1).
//
// What belongs to a channel (w, b, m, s, v, the running statistics) is f32, or f64 where x is f64.
//
// Note [Batch norm error bounds]
// With u = 2^-24, D = |x - m|, root mean square q of a channel's x, and no chain of more than
// n = min(R, 512 + R / 65536) additions, f32 engines keep
//   mean      e  = 2 (n + 8) u q
//   variance  ev = (n + 8) u v + 2 e sqrt(v) + e^2
//   s         es = the larger distance of 1 / sqrt(v' + epsilon), v' = max(v -+ ev, 0), from s, + 4 u s
//   f's argument   |w| (s e + (D + e) es + 4 u s D) + 2 u |b|; with a residual 5 for 4, 3 for 2
//                  and 2 u |z|: the sum rounds a term no greater than |w| s D + |b| + |z|
// Of the variance's terms, the first is the sum of squares. The other two come from subtracting a
// mean that is e off: e^2 in two passes over all rows, and where parts with their own means meet
// (Chan et al.), also 2 e times the distance of those means, whose weighted sum is sqrt(v) or less.
// Moments that come with x are those of parts of x. That they are rounded to f32 adds u q to e and
// u v to ev: less than the additions over a part's rows, which n counts and nobody makes.
// Nothing here grows with (mean / deviation)^2, as E[x^2] - E[x]^2 would.

#include <voluta/kernels/activation/activation.h>

#include <optional>

namespace voluta {

// Rows of x, seen as [R,C], that make a part of what `moments` holds; the last part may be shorter.
inline constexpr int64_t kMomentsRows = 128;

struct BatchNormOptions {
  double epsilon = 1e-5;  // >= 0
  double momentum = 0.1;  // share of the batch in the new running statistics, in [0, 1]
  // Set by fuse():
  ActivationKind activation = ActivationKind::kNone;  // f
  bool residual = false;                              // whether there is z
  // Whether the moments of x come along, from the epilogue of the convolution that wrote x: x is
  // then read once. Set by the pass that connects them.
  bool moments = false;
  // Whether y is left to its readers, which compute it as they load x (kernels/common/prologue.h). Not
  // with a residual or an activation. Set by defer().
  bool deferred = false;
};

struct BatchNormInferenceOptions {
  double epsilon = 1e-5;  // >= 0
  // Set by fuse():
  ActivationKind activation = ActivationKind::kNone;  // f
  bool residual = false;                              // whether there is z
};

// Note [The activation's gradient inside batch norm's]
// A gradient that knows f takes dy behind f and itself computes du = dy f'(u), u being f's argument.
// Without a residual it computes u again from x, the statistics, w and b, by the operations of the
// forward, so that du has the bits that two nodes would give it, and y is read no more. With a
// residual it reads `kept`: y or u, as Note [What a gradient of an activation reads] has it. du is
// the residual's gradient too, and then an output.
//
// Note [A gradient of channels put side by side]
// Where y was an input of a Concat, dy are some channels of what comes to its output: the gradient reads them
// there, and the ChannelSlice that would have copied them is gone. Set by absorb(), both:
struct BatchNormTrainingGradientOptions {
  ActivationKind activation = ActivationKind::kNone;  // f; none: dy is du
  bool kept = false;                                  // whether `kept` is an input, rather than b
  bool du = false;                                    // whether du is an output
  std::optional<int64_t> dy_offset;  // where dy has more channels than x: that of x's first
  // Whether sums of du come along, from the epilogue of the convolution's gradient that wrote dy: x
  // and dy are then read once. Not with `kept`, `du` or `dy_offset`. Set by the pass that connects them.
  bool sums = false;
};

struct BatchNormInferenceGradientOptions {
  double epsilon = 1e-5;  // >= 0
  // As in training:
  ActivationKind activation = ActivationKind::kNone;
  bool kept = false, du = false;
};

// (x[...,C], w[C], b[C], running_mean[C], running_var[C], batches i64 [] [, z like x]
//  [, moments [ceil(R / kMomentsRows), 2, C]: a part's mean, and its sum of squared deviations])
//   -> (y[...,C], m[C], s[C], running_mean'[C], running_var'[C], batches' []), with the option deferred
//      (normaliser[3,C]: m, w s and b, m[C], ...).
// running' = (1 - momentum) running + momentum * (m, or v unbiased); batches' = batches + 1. These
// three take the places of their inputs; y may take z's memory. Throws invalid() where a channel has
// fewer than two values.
struct BatchNormTraining {
  using Options = BatchNormOptions;
  static constexpr std::string_view kName = "batch_norm_training";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);  // of x, w and b, through y
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // n of the Note
  // "n4h7w7c64 eps0.001 momentum0.01 moments residual relu f32", "n4h7w7c64 deferred f32"
  static std::string describe(const Problem& problem);
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
  // Absorbs an Add, whose other summand becomes z, and behind it an Activation.
  static bool fuse(const Problem& producer, const Problem& consumer, int input, Fusion& fusion);
  // Leaves y to its readers, where there is no residual.
  static bool defer(const Problem& producer, Deferral& deferral);
  // Asks the Conv2d that computes x for its moments.
  static bool request(const Problem& consumer, const Problem& producer, int input,
                      Request& request);
};

// (x, dy, w[C], m[C], s[C] [, b[C], or kept like x] [, sums [parts, 2, C]])
//   -> (dx like x, dw[C], db[C] [, du like x]).
// dy is like x, or of more channels. dx may take dy's memory, or du takes it and dx that of x; beside a dy of
// more channels dx may take that of x.
//   db = sum_r du      dw = s sum_r du (x - m)      dx = w s (du - db / R - (x - m) s dw / R)
// With sums, of disjoint parts of the rows, however these are cut, the two sums over rows are those
// of the parts: sums[i,0] of du, sums[i,1] of du (x - m).
struct BatchNormTrainingGradient : NotDifferentiable {
  using Options = BatchNormTrainingGradientOptions;
  static constexpr std::string_view kName = "batch_norm_training_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // n of the Note
  static std::string describe(
      const Problem& problem);  // "n4h7w7c64 relu kept du f32", "sums3", "wide96 offset32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
  // Absorbs the ActivationGradient that computes dy, and in front of it the ChannelSlice.
  static bool absorb(const Graph& graph, const Node& consumer, int input, Absorption& absorption);
  // Asks the Conv2dInputGradient or DepthwiseConv2dInputGradient that computes dy for its sums.
  static bool request(const Problem& consumer, const Problem& producer, int input,
                      Request& request);
};

// (x[...,C], w[C], b[C], mean[C], var[C] [, z like x]) -> y like x, with
// s = 1 / sqrt(var + epsilon). y may take the memory of x or z.
struct BatchNormInference {
  using Options = BatchNormInferenceOptions;
  static constexpr std::string_view kName = "batch_norm_inference";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);  // of x, w and b; the statistics are constants
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 2, and 1 for z
  static std::string describe(const Problem& problem);  // "n4h7w7c64 eps0.001 residual relu f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
  // Absorbs an Add, whose other summand becomes z, and behind it an Activation.
  static bool fuse(const Problem& producer, const Problem& consumer, int input, Fusion& fusion);
};

// (x, dy, w[C], mean[C], var[C] [, b[C], or kept like x])
//   -> (dx like x, dw[C], db[C] [, du like x]). dx may take dy's memory, or du takes it and dx that of x.
//   db = sum_r du      dw = s sum_r du (x - mean)      dx = w s du
struct BatchNormInferenceGradient : NotDifferentiable {
  using Options = BatchNormInferenceGradientOptions;
  static constexpr std::string_view kName = "batch_norm_inference_gradient";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // n of the Note
  static std::string describe(const Problem& problem);      // "n4h7w7c64 eps0.001 relu kept du f32"
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
  // Absorbs the ActivationGradient that computes dy.
  static bool absorb(const Graph& graph, const Node& consumer, int input, Absorption& absorption);
};

}  // namespace voluta
