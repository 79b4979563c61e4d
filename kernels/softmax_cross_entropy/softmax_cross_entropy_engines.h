#pragma once

// The engines of the two ops. Internal to the room.

#include <voluta/kernels/softmax_cross_entropy/softmax_cross_entropy.h>

namespace voluta::cross_entropy {

// What every engine is made from.
struct Setup {
  int64_t n, k;
  double smoothing;
  bool soft;  // targets [N,K] rather than labels [N]
};
Setup setup_of(const Problem& problem);

extern const Engine kReference, kGradientReference;
extern const Engine kOnline, kGradientOnline;

}  // namespace voluta::cross_entropy
