#pragma once

// What kernels compute of a normalised value again and again and must compute alike, so that what is
// masked in one pass is masked in the next: f's argument, and f where it is a limit or nothing.

#include <voluta/core/macros.h>
#include <voluta/kernels/activation/activation.h>

#include <cmath>
#include <limits>

namespace voluta {

// f's argument u without a residual. Gradients compute it again and get the same bits.
VOLUTA_HOST_DEVICE inline float normalised(float x, float mean, float scale, float bias) {
  return fmaf(x - mean, scale, bias);
}

// relu, relu6 and no activation: a limit that is NaN limits nothing.
//   f(u)    f.through_argument(u, dy) = dy f'(u)    f.through_kept(what f's rule keeps, dy), the same
struct Clamp {
  float low = std::numeric_limits<float>::quiet_NaN(), high = low;

  template <class T>
  VOLUTA_HOST_DEVICE T operator()(T u) const {
    return u < T{low} ? T{low} : u > T{high} ? T{high} : u;
  }
  // Of bits: where the compiler sees a choice of two floats it branches, and a loop stays scalar.
  VOLUTA_HOST_DEVICE float through_argument(float u, float dy) const {
    const int keep = (u <= low) | (u >= high) ? 0 : -1;
    return __builtin_bit_cast(float, __builtin_bit_cast(int, dy) & keep);
  }
  VOLUTA_HOST_DEVICE float through_kept(float y, float dy) const {
    return through_argument(y, dy);  // y is a limit where u is at or beyond it
  }
};

inline bool is_clamp(ActivationKind kind) {
  return kind == ActivationKind::kNone || kind == ActivationKind::kRelu ||
         kind == ActivationKind::kRelu6;
}

inline Clamp clamp_of(ActivationKind kind) {
  Clamp clamp;
  if (kind != ActivationKind::kNone) clamp.low = 0;
  if (kind == ActivationKind::kRelu6) clamp.high = 6;
  return clamp;
}

}  // namespace voluta
