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

// The greater and the lesser of u, which stays a NaN if it is one, and a limit; of two zeros either.
VOLUTA_HOST_DEVICE inline float at_least(float u, float low) {
#ifdef __CUDA_ARCH__
  float limited;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(limited) : "f"(u), "f"(low));
  return limited;
#else
  return u < low ? low : u;
#endif
}
VOLUTA_HOST_DEVICE inline float at_most(float u, float high) {
#ifdef __CUDA_ARCH__
  float limited;
  asm("min.NaN.f32 %0, %1, %2;" : "=f"(limited) : "f"(u), "f"(high));
  return limited;
#else
  return u > high ? high : u;
#endif
}

inline bool is_clamp(ActivationKind kind) {
  return kind == ActivationKind::kNone || kind == ActivationKind::kRelu ||
         kind == ActivationKind::kRelu6;
}

// relu, relu6 and no activation, f(u) = min(max(u, low), high).
class Clamp {
 public:
  Clamp() = default;  // no activation
  explicit Clamp(ActivationKind kind) {
    if (kind != ActivationKind::kNone) low_ = flat_to_ = 0;
    if (kind == ActivationKind::kRelu6) high_ = flat_from_ = 6;
  }

  VOLUTA_HOST_DEVICE float operator()(float u) const { return at_most(at_least(u, low_), high_); }
  VOLUTA_HOST_DEVICE double operator()(double u) const {
    return u < low_ ? low_ : u > high_ ? high_ : u;
  }

  // dy f'(u). Of bits: where the compiler sees a choice of two floats it branches, and a loop stays scalar.
  VOLUTA_HOST_DEVICE float through_argument(float u, float dy) const {
    const int keep = ((u <= flat_to_) | (u >= flat_from_)) ? 0 : -1;
    return __builtin_bit_cast(float, __builtin_bit_cast(int, dy) & keep);
  }
  // The same of y = f(u), which is a limit where u is at or beyond it.
  VOLUTA_HOST_DEVICE float through_kept(float y, float dy) const { return through_argument(y, dy); }

 private:
  static constexpr float kNowhere = std::numeric_limits<float>::quiet_NaN();

  float low_ = -std::numeric_limits<float>::infinity();
  float high_ = std::numeric_limits<float>::infinity();
  float flat_to_ = kNowhere,
        flat_from_ = kNowhere;  // where f' is 0, up to the first and from the second on
};

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
