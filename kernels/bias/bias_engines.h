#pragma once

// The engines of the room, for bias.cpp. Internal.

#include <voluta/core/graph/op.h>

namespace voluta {

extern const Engine kBiasBroadcast;
extern const Engine kBiasOpenmp;
extern const Engine kBiasReference;

extern const Engine kBiasGradientTwoPassReduction;
extern const Engine kBiasGradientOpenmp;
extern const Engine kBiasGradientReference;

// x or dy seen as a matrix [rows, columns]; columns = J, the elements of the bias.
struct BiasExtents {
  int64_t rows, columns;
};
BiasExtents bias_extents(const Problem& problem);

}  // namespace voluta
