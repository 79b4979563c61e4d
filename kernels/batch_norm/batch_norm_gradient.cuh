#pragma once

// What the kernels of the gradients share: du = dy f'(u), computed on the way in; sums of du and of
// du (x - m) over runs of rows, and what is done once the runs have theirs: dw and db, then dx.
// Internal to the room.

#include <voluta/kernels/batch_norm/batch_norm_engines.h>
#include <voluta/kernels/batch_norm/batch_norm_normalise.cuh>
#include <voluta/kernels/common/reduction.cuh>

#if defined(__GNUC__) && !defined(__CUDACC__)
// Of rows beyond the last, which no loop of batch_norm_gradient_apply comes to. Zeros there would
// cost the device registers.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace voluta::batch_norm {

template <class T>
using Operands = GradientOperands<T, float>;

// Where a row's group of dy is; only in training it may have more channels than x.
template <int kWidth, bool kFromVariance, class T>
__device__ int64_t dy_item(const Operands<T>& at, int64_t row, unsigned groups, unsigned group) {
  return row * (kFromVariance ? groups : static_cast<unsigned>(at.dy_stride) / kWidth) + group;
}

// What a thread knows of its channels to compute du.
template <int kWidth, bool kFromVariance, Through kThrough, class F>
struct Channels {
  F f;
  Floats<kWidth> mean{}, inverse{}, scale{}, bias{};

  template <class T>
  __device__ Channels(const Operands<T>& at, unsigned group, float epsilon, F activation)
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
    if constexpr (kThrough != Through::kNothing) {
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) {
        float& gradient = dy.lane[lane];
        if constexpr (kThrough == Through::kKept) {
          gradient = f.through_kept(kept.lane[lane], gradient);
        } else {
          const float u =
              normalised(x.lane[lane], mean.lane[lane], scale.lane[lane], bias.lane[lane]);
          gradient = f.through_argument(u, gradient);
        }
      }
    }
  }
};

// Of kWidth channels: sums of du and of du (x - m).
template <int kWidth>
struct Sums {
  float du[kWidth], product[kWidth];
};

template <int kWidth>
__device__ void join(Sums<kWidth>& to, const Sums<kWidth>& other) {
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) {
    to.du[lane] += other.du[lane];
    to.product[lane] += other.product[lane];
  }
}

// The block's sums, which `own` of its threads make up, to run blockIdx.y of partial
// [runs, 2, groups * kWidth]. Every thread of the block calls it.
template <int kWidth>
__device__ void store_joined(const Sums<kWidth>& own, Sums<kWidth>* parts, const TileThread& my,
                             unsigned groups, unsigned width, float* partial) {
  parts[threadIdx.x] = own;
  block_join_rows(parts, my.rows_at_once, width, join<kWidth>);
  if (!my.active || my.row != 0) return;
  Floats<kWidth> sum, product;
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) {
    sum.lane[lane] = parts[threadIdx.x].du[lane];
    product.lane[lane] = parts[threadIdx.x].product[lane];
  }
  const int64_t first = static_cast<int64_t>(blockIdx.y) * 2 * groups;
  store<kWidth>(partial, first + my.group, sum);
  store<kWidth>(partial, first + groups + my.group, product);
}

// Adds up the runs and writes dw and db.
template <bool kFromVariance, class T>
__global__ void __launch_bounds__(kTileBlock)
    batch_norm_gradient_finish(const float* partial /* [runs, 2, channels] */, Operands<T> at,
                               unsigned runs, unsigned channels, unsigned width, float epsilon) {
  VOLUTA_SHARED(Sums<1>[kTileBlock], parts);
  const TileThread my(channels, width);
  Sums<1> own{};
  for (unsigned run = my.row; my.active && run < runs; run += my.rows_at_once) {
    const int64_t sum = static_cast<int64_t>(run) * 2 * channels + my.group;
    join(own, Sums<1>{{partial[sum]}, {partial[sum + channels]}});
  }
  parts[threadIdx.x] = own;
  block_join_rows(parts, my.rows_at_once, width, join<1>);
  if (!my.active || my.row != 0) return;
  const auto inverse = inverse_deviations<1, kFromVariance>(at.spread, my.group, epsilon);
  at.dbias[my.group] = parts[threadIdx.x].du[0];
  at.dweight[my.group] = parts[threadIdx.x].product[0] * inverse.lane[0];
}

// dx = scale (du - shift - (x - mean) slope), in inference scale du; dx may be dy or x.
template <int kWidth, bool kFromVariance, Through kThrough, class T, class F>
__global__ void __launch_bounds__(kTileBlock)
    batch_norm_gradient_apply(Operands<T> at, int64_t rows, unsigned groups, unsigned width,
                              float epsilon, F f) {
  constexpr int kRows = kRowsInFlight<kWidth>;
  const TileThread my(groups, width);
  if (!my.active) return;
  const Channels<kWidth, kFromVariance, kThrough, F> channels(at, my.group, epsilon, f);
  Floats<kWidth> shift{}, slope{};
  if constexpr (!kFromVariance) {
    shift = load<kWidth>(at.dbias, my.group);
    slope = load<kWidth>(at.dweight, my.group);
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) {
      shift.lane[lane] /= static_cast<float>(rows);
      slope.lane[lane] *= channels.inverse.lane[lane] / static_cast<float>(rows);
    }
  }
  const int64_t step = static_cast<int64_t>(gridDim.y) * my.rows_at_once;
  int64_t row = static_cast<int64_t>(blockIdx.y) * my.rows_at_once + my.row;
  for (; row < rows; row += kRows * step) {
    Floats<kWidth> gradient[kRows], value[kRows], kept[kRows];
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const int64_t item = (row + i * step) * groups + my.group;
      if (row + i * step >= rows) break;
      gradient[i] =
          load<kWidth>(at.dy, dy_item<kWidth, kFromVariance>(at, row + i * step, groups, my.group));
      if constexpr (!kFromVariance || kThrough == Through::kArgument) {
        value[i] = load<kWidth>(at.x, item);
      }
      if constexpr (kThrough == Through::kKept) kept[i] = load<kWidth>(at.kept, item);
    }
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      if (row + i * step >= rows) break;
      channels.backward(gradient[i], value[i], kept[i]);
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) {
        float through = gradient[i].lane[lane];
        if constexpr (!kFromVariance) {
          const float d = value[i].lane[lane] - channels.mean.lane[lane];
          through = fmaf(-d, slope.lane[lane], through - shift.lane[lane]);
        }
        gradient[i].lane[lane] = channels.scale.lane[lane] * through;
      }
      store<kWidth>(at.dx, (row + i * step) * groups + my.group, gradient[i]);
    }
  }
}

template <class T>
struct Launch {
  Stream& stream;
  Operands<T> at;
  float* partial;
  Extents size;
  float epsilon;
};

inline constexpr int64_t kGradientFinishWidth =
    8;  // channels a block of batch_norm_gradient_finish

// Of what `partial` [runs, 2, channels] holds.
template <bool kFromVariance, class T>
void launch_gradient_finish(const Launch<T>& with, const float* partial, unsigned runs) {
  const ChannelTiles last(with.size.channels, 1, kGradientFinishWidth);
  launch(with.stream, "batch_norm_gradient_finish", last.shape(1, 1, last.tiles),
         batch_norm_gradient_finish<kFromVariance, T>, partial, with.at, runs, last.groups,
         last.width, with.epsilon);
}

template <int kWidth, bool kFromVariance, Through kThrough, class T, class F>
void launch_apply(const Launch<T>& with, F f) {
  const ChannelTiles tiles(with.size.channels, kWidth);
  launch(with.stream, "batch_norm_gradient_apply",
         tiles.shape(with.size.rows, kRowsInFlight<kWidth>, kElementwiseBlocks),
         batch_norm_gradient_apply<kWidth, kFromVariance, kThrough, T, F>, with.at, with.size.rows,
         tiles.groups, tiles.width, with.epsilon, f);
}

// Whether threads may own kVector<T> channels.
template <class T>
bool is_grouped(const Operands<T>& at, int64_t channels) {
  return channels % kVector<T> == 0 && at.dy_stride % kVector<T> == 0 &&
         aligned16(at.x, at.dy, at.dx, at.weight, at.mean, at.spread, at.dweight, at.dbias, at.bias,
                   at.kept, at.du, at.sums);
}

}  // namespace voluta::batch_norm
