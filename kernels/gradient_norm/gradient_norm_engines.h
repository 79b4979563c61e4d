#pragma once

// The engines of the room. Internal to it.

#include <voluta/core/macros.h>
#include <voluta/kernels/gradient_norm/gradient_norm.h>

#include <cmath>

namespace voluta {

extern const Engine kTensorNormsReference, kTensorNormsOpenmp, kTensorNormsTwoPassReduction;
extern const Engine kClipFactorReference, kClipFactorSerial, kClipFactorOneWarp;
extern const Engine kLossScaleUpdateReference, kLossScaleUpdateOneThread;

// The factor of a norm that is divided by the scale already; NaN where the norm is not finite.
template <class T>
VOLUTA_HOST_DEVICE inline T clip_factor(T norm, T max_norm, T scale) {
  const T factor = max_norm / (norm + T(1e-6));
  return (norm - norm + (factor < T(1) ? factor : T(1))) / scale;
}

template <class T>
struct LossScale {
  T scale;
  int64_t steps;    // since it changed
  int64_t updates;  // taken
};
template <class T>
VOLUTA_HOST_DEVICE inline LossScale<T> next_loss_scale(LossScale<T> now, T norm, T growth,
                                                       T backoff, int64_t interval) {
  if (!(norm - norm == T(0))) return {now.scale * backoff, 0, now.updates};
  const int64_t updates = now.updates + 1;
  if (now.steps + 1 < interval) return {now.scale, now.steps + 1, updates};
  const T grown = now.scale * growth;
  return {grown - grown == T(0) ? grown : now.scale, 0, updates};
}

}  // namespace voluta
