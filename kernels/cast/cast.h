#pragma once

// y = x as another floating type, element by element: rounded to nearest even, beyond f16's range to
// infinity; NaN stays NaN. What mixed precision puts between f32 parameters and 16-bit data.
//
// Note [A cast in f64]
// x in f64 stays f64, whatever the option says: f64 is what references compute the truth in, and
// there nothing is rounded. A graph of mixed precision is then a graph in f64 as any other.

#include <voluta/core/graph/op.h>

namespace voluta {

struct CastOptions {
  DType to = DType::f32;  // f32, bf16 or f16
};

// (x_1, ..., x_n), of any shapes and one floating type -> (y_1, ..., y_n) of dtype `to`. The gradient of
// each is its dy cast to x's dtype.
struct Cast {
  using Options = CastOptions;
  static constexpr std::string_view kName = "cast";
  static std::vector<TensorType> infer(const Options& options, std::span<const TensorType> inputs);
  static void gradient(GradientContext& context);
  static Cost cost(const Problem& problem);
  static int64_t reduction_length(const Problem& problem);  // 0: exact
  // "n64h28w28c6 to_bf16 f32"; of several tensors their elements, "n2400,48000 to_bf16 f32"
  static std::string describe(const Problem& problem);
  static std::span<const Engine> engines();
  // Two casts of one type to another are one of all their tensors.
  static bool join(const Problem& first, const Problem& second);
};

}  // namespace voluta
