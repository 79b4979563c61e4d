#pragma once

// du = dy f'(u) as the kernels of the gradients compute it, on the way in. Internal to the room.

#include <voluta/kernels/batch_norm/batch_norm_engines.h>
#include <voluta/kernels/batch_norm/batch_norm_normalise.cuh>

namespace voluta::batch_norm {

// What a thread knows of its channels to compute du.
template <int kWidth, bool kFromVariance, Through kThrough, class F>
struct Channels {
  F f;
  Floats<kWidth> mean{}, inverse{}, scale{}, bias{};

  template <class T>
  __device__ Channels(const GradientOperands<T, float>& at, unsigned group, float epsilon,
                      F activation)
      : f(activation), mean(load<kWidth>(at.mean, group)) {
    inverse = inverse_deviations<kWidth, kFromVariance>(at.spread, group, epsilon);
    scale = load<kWidth>(at.weight, group);
    if constexpr (kThrough == Through::kArgument) bias = load<kWidth>(at.bias, group);
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) scale.lane[lane] *= inverse.lane[lane];
  }

  // From dy to du, of one row; `kept` for Through::kKept alone.
  __device__ void backward(Floats<kWidth>& dy, const Floats<kWidth>& x,
                           const Floats<kWidth>& kept) const {
    if constexpr (kThrough == Through::kNothing) return;
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) {
      float& gradient = dy.lane[lane];
      if constexpr (kThrough == Through::kKept) {
        gradient = f.through_kept(kept.lane[lane], gradient);
      } else {
        gradient = f.through_argument(
            normalised(x.lane[lane], mean.lane[lane], scale.lane[lane], bias.lane[lane]), gradient);
      }
    }
  }
};

}  // namespace voluta::batch_norm
