#pragma once

// What a kernel does to each sum of a product before it stores it, row i and channel k of y:
//   y[i,k] = f((sum + b[k]) * scale[k] + shift[k] + z[i,k])
// Each part is optional: bias b, scale and shift (batch norm at inference), residual z (a shortcut),
// activation f. Computed as f(sum * factor + offset + z), whose factor and offset = b * scale + shift
// belong to the channel: two numbers whatever is fused, and no rounding more than the formula has.
//
// Of an input gradient there may be a residual, and behind it a gate: dx = (sum + z) f'(u), where the
// forward's x = f(u) is kept, and f is relu or relu6.

#include <voluta/kernels/common/packed_pair.h>
#include <voluta/core/device/launch.cuh>
#include <voluta/kernels/common/fused_activation.cuh>

#include <type_traits>

namespace voluta {

// *from, of memory that the kernel does not write: compilers may then keep it in a register across
// stores.
template <class T>
__device__ inline T load_read_only(const T* from) {
  if constexpr (std::is_arithmetic_v<T>) {
    return __ldg(from);
  } else {
    T value;
    value.bits = __ldg(&from->bits);
    return value;
  }
}

// Two neighbours in memory, aligned to both: T is float, BFloat16 or Float16.
template <class T>
__device__ inline void load_read_only_pair(const T* from, float (&pair)[2]) {
  if constexpr (std::is_same_v<T, float>) {
    const float2 both = __ldg(reinterpret_cast<const float2*>(from));
    pair[0] = both.x, pair[1] = both.y;
  } else {
    unpack<T>(__ldg(reinterpret_cast<const uint32_t*>(from)), pair);
  }
}

// What a channel's sums are multiplied by and what is added.
struct EpilogueChannel {
  float factor = 1, offset = 0;

  __device__ float operator()(float sum) const { return fmaf(sum, factor, offset); }
};

// T: as y is stored. The default stores sums as they are.
template <class T>
struct Epilogue {
  bool plain = true;                               // neither bias, scale and shift, residual nor f
  const T* bias = nullptr;                         // [K]; nullptr: none
  const float *scale = nullptr, *shift = nullptr;  // [K]; nullptr: none
  const T* residual = nullptr;                     // laid out as y; nullptr: none
  FusedActivation f;
  const T* kept = nullptr;  // x, laid out as dx; nullptr: no gate
  Clamp gate = {};          // its f

  __device__ EpilogueChannel channel(int k) const {
    EpilogueChannel of;
    if (bias != nullptr) of.offset = static_cast<float>(load_read_only(bias + k));
    if (scale != nullptr) {
      of.factor = load_read_only(scale + k);
      of.offset = fmaf(of.offset, of.factor, load_read_only(shift + k));
    }
    return of;
  }

  // Those of channels k, which is even, and k + 1; T is float, BFloat16 or Float16.
  __device__ void load_channels(int k, EpilogueChannel (&pair)[2]) const {
    float factors[2] = {1, 1}, offsets[2] = {}, shifts[2] = {};
    if (bias != nullptr) load_read_only_pair(bias + k, offsets);
    if (scale != nullptr) {
      load_read_only_pair(scale + k, factors);
      load_read_only_pair(shift + k, shifts);
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) pair[i] = {factors[i], fmaf(offsets[i], factors[i], shifts[i])};
  }

  // z at y's element `at`; 0 without a residual.
  __device__ float residual_at(int64_t at) const {
    return residual != nullptr ? static_cast<float>(load_read_only(residual + at)) : 0.0f;
  }

  __device__ float finish(const EpilogueChannel& of, float sum, float z) const {
    return f(of(sum) + z);
  }
  // The same but for an f that is apart: Note [Code of a fused activation].
  __device__ float limited(const EpilogueChannel& of, float sum, float z) const {
    return f.limit(of(sum) + z);
  }

  // dx at element `at`, of dx without its gate.
  __device__ float gated(int64_t at, float dx) const {
    if (kept == nullptr) return dx;
    return gate.through_kept(static_cast<float>(load_read_only(kept + at)), dx);
  }
};

}  // namespace voluta
