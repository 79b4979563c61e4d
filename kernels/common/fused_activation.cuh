#pragma once

// An activation as a kernel fuses it.
//
// Note [Code of a fused activation]
// Kernels of matrix products finish up to 128 sums a thread, each in code of its own since they lie in
// registers. Activations that are a limit or nothing, those of deep networks, take two selections. The others
// are exponentials and divisions, of which 128 copies would fill the instruction caches several times: they
// are one function, called where one is asked for. Who has many sums asks once for all of them: limit() each, then
// if is_apart(), apart() each.

#include <voluta/kernels/common/normalised.h>
#include <voluta/core/device/launch.cuh>

namespace voluta {

__device__ __noinline__ inline float activate_apart(ActivationKind kind, float u) {
  return activate(kind, u);
}

class FusedActivation {
 public:
  FusedActivation() = default;
  explicit FusedActivation(ActivationKind kind) {
    if (is_clamp(kind)) {
      clamp_ = Clamp(kind);
    } else {
      apart_ = kind;
    }
  }

  __device__ float operator()(float u) const { return is_apart() ? apart(u) : limit(u); }

  __device__ float limit(float u) const { return clamp_(u); }
  __device__ bool is_apart() const { return apart_ != ActivationKind::kNone; }
  __device__ float apart(float u) const { return activate_apart(apart_, u); }

 private:
  Clamp clamp_;                                   // f, if it is a limit or nothing
  ActivationKind apart_ = ActivationKind::kNone;  // f, if it is another
};

}  // namespace voluta
