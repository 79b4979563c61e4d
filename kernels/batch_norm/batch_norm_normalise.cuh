#pragma once

// The second half of training and all of inference, algorithm "broadcast": statistics, weight and
// bias of a thread's channels stay in registers while it walks down the rows.
//   y[r,c] = f((x[r,c] - mean[c]) * scale[c] + bias[c] + z[r,c]),  scale = w s
//   maps   channel_tiles.cuh, 4 rows a thread in flight, as they lie in memory and unpacked where they
//          are used; y may be the memory of x or z
// Internal to the room.

#include <voluta/kernels/batch_norm/batch_norm_activation.h>
#include <voluta/kernels/common/normalised.h>
#include <voluta/kernels/common/channel_tiles.cuh>
#include <voluta/kernels/common/pack.cuh>

namespace voluta::batch_norm {

inline constexpr unsigned kRowsInFlight = 4;
// Blocks an SM that the registers are for: four of 64, three of 80.
template <bool kResidual>
inline constexpr unsigned kNormaliseBlocks = kResidual ? 3 : 4;

// [channels] each. `spread` is s = 1 / sqrt(v + epsilon) in training, v itself in inference.
struct ChannelVectors {
  const float *weight, *bias, *mean, *spread;
};

template <int kWidth, bool kFromVariance>
__device__ Floats<kWidth> inverse_deviations(const float* spread, unsigned group, float epsilon) {
  Floats<kWidth> of = load<kWidth>(spread, group);
  if constexpr (kFromVariance) {
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) of.lane[lane] = 1.0f / sqrtf(of.lane[lane] + epsilon);
  }
  return of;
}

// [rows, channels] each.
template <class T>
struct Matrices {
  const T *x, *residual;
  T* y;
};

template <int kWidth, bool kFromVariance, bool kResidual, class T, class F>
__global__ void __launch_bounds__(kTileBlock, kNormaliseBlocks<kResidual>)
    batch_norm_normalise(Matrices<T> at, ChannelVectors vectors, int64_t rows, unsigned groups,
                         unsigned width, float epsilon, F f) {
  constexpr unsigned kRows = kRowsInFlight;
  const TileThread my(groups, width);
  if (!my.active) return;
  const Floats<kWidth> mean = load<kWidth>(vectors.mean, my.group);
  const Floats<kWidth> bias = load<kWidth>(vectors.bias, my.group);
  Floats<kWidth> scale = load<kWidth>(vectors.weight, my.group);
  const auto inverse = inverse_deviations<kWidth, kFromVariance>(vectors.spread, my.group, epsilon);
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) scale.lane[lane] *= inverse.lane[lane];

  const unsigned end = static_cast<unsigned>(rows), step = gridDim.y * my.rows_at_once;
  for (unsigned row = blockIdx.y * my.rows_at_once + my.row; row < end; row += kRows * step) {
    Pack<T, kWidth> x[kRows], residual[kRows];
#pragma unroll
    for (unsigned i = 0; i < kRows; ++i) {
      const unsigned item = (row + i * step) * groups + my.group;
      const bool there = i == 0 || row + i * step < end;
      x[i] = load_pack_if<T, kWidth>(there, at.x, item);
      if constexpr (kResidual) residual[i] = load_pack_if<T, kWidth>(there, at.residual, item);
    }
#pragma unroll
    for (unsigned i = 0; i < kRows; ++i) {
      if (i > 0 && row + i * step >= end) break;
      Floats<kWidth> y;
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) {
        float u = normalised(x[i][lane], mean.lane[lane], scale.lane[lane], bias.lane[lane]);
        if constexpr (kResidual) u += residual[i][lane];
        y.lane[lane] = f(u);
      }
      store<kWidth>(at.y, (row + i * step) * groups + my.group, y);
    }
  }
}

template <int kWidth, bool kFromVariance, class T>
void launch_normalise(Stream& stream, const Matrices<T>& at, const ChannelVectors& vectors,
                      int64_t rows, int64_t channels, float epsilon, ActivationKind activation) {
  const ChannelTiles tiles(channels, kWidth);
  with_kernel_activation(activation, [&]<class F>(F f) {
    launch(stream, "batch_norm_normalise", tiles.shape(rows, kRowsInFlight, kElementwiseBlocks),
           at.residual != nullptr ? batch_norm_normalise<kWidth, kFromVariance, true, T, F>
                                  : batch_norm_normalise<kWidth, kFromVariance, false, T, F>,
           at, vectors, rows, tiles.groups, tiles.width, epsilon, f);
  });
}

}  // namespace voluta::batch_norm
