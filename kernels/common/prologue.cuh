#pragma once

// A prologue (kernels/common/prologue.h) as a kernel takes it: where the normaliser's vectors lie, and
// what they do to a number, or to 16 bytes of neighbouring channels, in registers.

#include <voluta/kernels/common/normalised.h>
#include <voluta/kernels/common/packed_pair.h>
#include <voluta/kernels/common/prologue.h>
#include <voluta/kernels/common/epilogue.cuh>

namespace voluta {

struct Normaliser {
  const float* vectors;  // [3, channels]: mean, scale, bias
  int channels;
  Clamp f;

  struct Channel {
    float mean, scale, bias;
  };
  __device__ Channel channel(int c) const {
    return {load_read_only(vectors + c), load_read_only(vectors + channels + c),
            load_read_only(vectors + 2 * channels + c)};
  }

  // xhat before it is rounded.
  __device__ float operator()(const Channel& of, float x) const {
    return f(normalised(x, of.mean, of.scale, of.bias));
  }
};

// The 16 bytes of a T that lie side by side, channels first .. first + kCount - 1, a multiple of four;
// the vectors are aligned to 16 bytes.
template <class T>
struct NormaliserChunk {
  static constexpr int kCount = 16 / static_cast<int>(sizeof(T));
  float mean[kCount], scale[kCount], bias[kCount];

  __device__ void load(const Normaliser& from, int first) {
    load(mean, from.vectors + first);
    load(scale, from.vectors + from.channels + first);
    load(bias, from.vectors + 2 * from.channels + first);
  }

  // x becomes xhat.
  __device__ void apply(Clamp f, uint32_t (&words)[4]) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if constexpr (sizeof(T) == 4) {
        words[i] = __float_as_uint(at(f, i, __uint_as_float(words[i])));
      } else {
        float pair[2];
        unpack<T>(words[i], pair);
        words[i] = packed<T>(at(f, 2 * i, pair[0]), at(f, 2 * i + 1, pair[1]));
      }
    }
  }

 private:
  __device__ float at(Clamp f, int i, float x) const {
    return f(normalised(x, mean[i], scale[i], bias[i]));
  }
  __device__ static void load(float (&to)[kCount], const float* from) {
#pragma unroll
    for (int i = 0; i < kCount; i += 4) {
      const float4 quad = __ldg(reinterpret_cast<const float4*>(from + i));
      to[i] = quad.x, to[i + 1] = quad.y, to[i + 2] = quad.z, to[i + 3] = quad.w;
    }
  }
};

}  // namespace voluta
