#pragma once

// The activation f that is fused behind a normalisation, and its gradient, as the engines apply
// them: a type a kind, so that loops over rows have no switch in them. Internal to the room.
//   f(u)    f.through_argument(u, dy) = dy f'(u)    f.through_kept(what f's rule keeps, dy), the same

#include <voluta/core/macros.h>
#include <voluta/kernels/activation/activation.h>

#include <limits>

namespace voluta::batch_norm {

// relu, relu6 and no activation: a limit that is NaN limits nothing.
struct Clamp {
  float low = std::numeric_limits<float>::quiet_NaN(), high = low;

  VOLUTA_HOST_DEVICE float operator()(float u) const { return u < low ? low : u > high ? high : u; }
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

// Any kind: in kernels, where a branch that all threads take costs little.
struct AnyActivation {
  ActivationKind kind;
  bool reads_input = gradient_reads_input({.kind = kind});

  VOLUTA_HOST_DEVICE float operator()(float u) const { return activate(kind, u); }
  VOLUTA_HOST_DEVICE float through_argument(float u, float dy) const {
    return through_kept(reads_input ? u : activate(kind, u), dy);
  }
  VOLUTA_HOST_DEVICE float through_kept(float kept, float dy) const {
    return activate_gradient(kind, kept, dy);
  }
};

// One kind: in loops that vectorise.
template <ActivationKind kKind>
struct OneActivation {
  bool reads_input = gradient_reads_input({.kind = kKind});

  float operator()(float u) const { return activate(kKind, u); }
  float through_argument(float u, float dy) const {
    return through_kept(reads_input ? u : activate(kKind, u), dy);
  }
  float through_kept(float kept, float dy) const { return activate_gradient(kKind, kept, dy); }
};

// f(Clamp or AnyActivation).
template <class F>
void with_kernel_activation(ActivationKind kind, F&& f) {
  if (is_clamp(kind)) {
    f(clamp_of(kind));
  } else {
    f(AnyActivation{kind});
  }
}

// f(Clamp or OneActivation).
template <class F>
void with_loop_activation(ActivationKind kind, F&& f) {
  using enum ActivationKind;
  switch (kind) {
    case kTanh:
      return f(OneActivation<kTanh>{});
    case kSigmoid:
      return f(OneActivation<kSigmoid>{});
    case kLeakyRelu:
      return f(OneActivation<kLeakyRelu>{});
    case kHardswish:
      return f(OneActivation<kHardswish>{});
    case kSilu:
      return f(OneActivation<kSilu>{});
    default:
      return f(clamp_of(kind));
  }
}

}  // namespace voluta::batch_norm
