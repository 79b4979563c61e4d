#pragma once

// The second half of training and all of inference, algorithm "broadcast": statistics, weight and
// bias of a thread's channels stay in registers while it walks down the rows.
//   y[r,c] = (x[r,c] - mean[c]) * scale[c] + bias[c],  scale = w s
//   maps   channel_tiles.cuh, 4 rows a thread in flight; y may be x's memory
// Internal to the room.

#include <voluta/kernels/common/channel_tiles.cuh>

namespace voluta::batch_norm {

inline constexpr int kRowsInFlight = 4;

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

template <int kWidth, bool kFromVariance>
__global__ void __launch_bounds__(kTileBlock)
    batch_norm_normalise(const float* x, float* y /* [rows, groups * kWidth] */,
                         ChannelVectors vectors, int64_t rows, unsigned groups, unsigned width,
                         float epsilon) {
  const TileThread my(groups, width);
  if (!my.active) return;
  const Floats<kWidth> mean = load<kWidth>(vectors.mean, my.group);
  const Floats<kWidth> bias = load<kWidth>(vectors.bias, my.group);
  Floats<kWidth> scale = load<kWidth>(vectors.weight, my.group);
  const auto inverse = inverse_deviations<kWidth, kFromVariance>(vectors.spread, my.group, epsilon);
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) scale.lane[lane] *= inverse.lane[lane];

  const int64_t step = static_cast<int64_t>(gridDim.y) * my.rows_at_once;
  int64_t row = static_cast<int64_t>(blockIdx.y) * my.rows_at_once + my.row;
  for (; row < rows; row += kRowsInFlight * step) {
    Floats<kWidth> held[kRowsInFlight];
#pragma unroll
    for (int i = 0; i < kRowsInFlight; ++i) {
      if (row + i * step < rows) held[i] = load<kWidth>(x, (row + i * step) * groups + my.group);
    }
#pragma unroll
    for (int i = 0; i < kRowsInFlight; ++i) {
      if (row + i * step >= rows) break;
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) {
        held[i].lane[lane] =
            fmaf(held[i].lane[lane] - mean.lane[lane], scale.lane[lane], bias.lane[lane]);
      }
      store<kWidth>(y, (row + i * step) * groups + my.group, held[i]);
    }
  }
}

template <int kWidth, bool kFromVariance>
void launch_normalise(Stream& stream, const float* x, float* y, const ChannelVectors& vectors,
                      int64_t rows, int64_t channels, float epsilon) {
  const ChannelTiles tiles(channels, kWidth);
  launch(stream, "batch_norm_normalise", tiles.shape(rows, kRowsInFlight, kElementwiseBlocks),
         batch_norm_normalise<kWidth, kFromVariance>, x, y, vectors, rows, tiles.groups,
         tiles.width, epsilon);
}

}  // namespace voluta::batch_norm
