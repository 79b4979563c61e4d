#pragma once

// Dropout: each element is kept with probability 1 - p and grows by 1 / (1 - p), or becomes 0.
//   y[i] = x[i] * (kept(i) ? 1 / (1 - p) : 0)
//   kept(i): u >= p, u the 24-bit uniform of word i % 4 of Philox4x32-10 with the key `seed` and the
//   counter (i / 4, step, stream), where i / 4 and step count with their low 32 bits
// Source: Srivastava et al. 2014; generator: core/random.h.
//
// Which elements are kept depends on nothing else, so all engines keep the same ones, the gradient
// is the same op on dy with the same step, and a resumed run drops what an unbroken one would.
// A dropped NaN stays NaN and a dropped infinity becomes NaN, as with torch.nn.functional.dropout,
// which multiplies by its mask. The factor is rounded to x's dtype or f32, so f32 engines agree bit
// for bit.

#include <voluta/core/graph/op.h>

namespace voluta {

struct DropoutOptions {
  double probability = 0.5;  // of dropping, in [0, 1]
  uint64_t seed = 0;         // of the run
  uint64_t stream = 0;       // of the layer
};

// (x, step i64 []) -> y like x; y may take x's memory.
struct Dropout {
  using Options = DropoutOptions;
  static constexpr std::string_view kName = "dropout";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 1
  // "n2c10 probability0.25 seed1 stream7 f32"
  static std::string describe(const Problem& problem);
  static std::span<const Engine> engines();
  static std::vector<Alias> aliases(const Problem& problem);
};

}  // namespace voluta
