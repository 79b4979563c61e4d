#pragma once

// The engines of the three ops, and the extents they share. Internal to the room.

#include <voluta/kernels/linear/linear.h>

namespace voluta::linear {

// Rows (batch), input features, output features.
struct Extents {
  int64_t n, f, m;
};

// Of any of the three ops; has_bias and activation are Linear's only.
Extents forward_extents(const Problem& problem);
Extents input_gradient_extents(const Problem& problem);
Extents weight_gradient_extents(const Problem& problem);
bool has_bias(const Problem& forward);

extern const Engine kReference, kInputGradientReference, kWeightGradientReference;
extern const Engine kOnednn, kInputGradientOnednn, kWeightGradientOnednn;
extern const Engine kFewRows, kInputGradientFewRows;
extern const Engine kTiled, kInputGradientTiled, kWeightGradientTiled;
extern const Engine kMma, kInputGradientMma, kWeightGradientMma;
extern const Engine kMmaTf32, kInputGradientMmaTf32, kWeightGradientMmaTf32;
struct CublasltEngines {
  Engine forward, input_gradient, weight_gradient;
};
extern const CublasltEngines kCublaslt, kCublasltHalf, kCublasltTf32;

}  // namespace voluta::linear
