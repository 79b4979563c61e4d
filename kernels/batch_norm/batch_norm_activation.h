#pragma once

// The activation f that is fused behind a normalisation, and its gradient, as the engines apply
// them: a type a kind, Clamp among them, so that loops over rows have no switch in them. Internal to
// the room.

#include <voluta/kernels/common/normalised.h>

namespace voluta::batch_norm {

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
    f(Clamp(kind));
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
      return f(Clamp(kind));
  }
}

}  // namespace voluta::batch_norm
