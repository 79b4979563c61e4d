#pragma once

// The engines of the room. Internal to it.

#include <voluta/core/macros.h>
#include <voluta/kernels/gradient_norm/gradient_norm.h>

#include <cmath>

namespace voluta {

extern const Engine kTensorNormsReference, kTensorNormsOpenmp, kTensorNormsTwoPassReduction;
extern const Engine kClipFactorReference, kClipFactorSerial, kClipFactorOneWarp;

// The factor of a norm; NaN where the norm is not finite.
template <class T>
VOLUTA_HOST_DEVICE inline T clip_factor(T norm, T max_norm) {
  const T factor = max_norm / (norm + T(1e-6));
  return norm - norm + (factor < T(1) ? factor : T(1));
}

}  // namespace voluta
