#pragma once

// What kernels compute of a normalised value again and again and must compute alike, so that what is
// masked in one pass is masked in the next: f's argument, and f where it is a limit or nothing.

#include <voluta/core/dtype.h>
#include <voluta/core/macros.h>
#include <voluta/kernels/activation/activation.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace voluta {

// f's argument u without a residual. Gradients compute it again and get the same bits.
VOLUTA_HOST_DEVICE inline float normalised(float x, float mean, float scale, float bias) {
  return fmaf(x - mean, scale, bias);
}

// u, or the limit where u is below `low`, above `high`; a NaN stays one, and limits nothing. On a device they are
// selections: of a choice of two floats nvcc makes a branch, 32 of them in an epilogue.
VOLUTA_HOST_DEVICE inline float at_least(float u, float low) {
#ifdef __CUDA_ARCH__
  float limited;
  asm("{\n"
      ".reg .pred below;\n"
      "setp.lt.f32 below, %1, %2;\n"
      "selp.f32 %0, %2, %1, below;\n"
      "}\n"
      : "=f"(limited)
      : "f"(u), "f"(low));
  return limited;
#else
  return u < low ? low : u;
#endif
}
VOLUTA_HOST_DEVICE inline float at_most(float u, float high) {
#ifdef __CUDA_ARCH__
  float limited;
  asm("{\n"
      ".reg .pred above;\n"
      "setp.gt.f32 above, %1, %2;\n"
      "selp.f32 %0, %2, %1, above;\n"
      "}\n"
      : "=f"(limited)
      : "f"(u), "f"(high));
  return limited;
#else
  return u > high ? high : u;
#endif
}

// relu, relu6 and no activation: a limit that is NaN limits nothing.
//   f(u)    f.through_argument(u, dy) = dy f'(u)    f.through_kept(what f's rule keeps, dy), the same
struct Clamp {
  float low = std::numeric_limits<float>::quiet_NaN(), high = low;

  VOLUTA_HOST_DEVICE float operator()(float u) const { return at_most(at_least(u, low), high); }
  VOLUTA_HOST_DEVICE double operator()(double u) const {
    return u < low ? low : u > high ? high : u;
  }
  // Of bits: where the compiler sees a choice of two floats it branches, and a loop stays scalar.
  VOLUTA_HOST_DEVICE float through_argument(float u, float dy) const {
    const int keep = ((u <= low) | (u >= high)) ? 0 : -1;
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

// A channel of a normaliser [3, C] (Note [Prologues], kernels/common/prologue.h). S is float or double.
template <class S>
struct NormaliserChannel {
  S mean, scale, bias;

  NormaliserChannel(const S* normaliser, int64_t channels, int64_t c)
      : mean(normaliser[c]), scale(normaliser[channels + c]), bias(normaliser[2 * channels + c]) {}

  // xhat of x, as it is stored.
  template <class T>
  T operator()(Clamp f, T x) const {
    if constexpr (std::is_same_v<S, double>) {
      return from_double<T>(f((to_double(x) - mean) * scale + bias));
    } else {
      return from_double<T>(f(normalised(static_cast<float>(to_double(x)), mean, scale, bias)));
    }
  }
};

}  // namespace voluta
