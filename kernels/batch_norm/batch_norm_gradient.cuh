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

// What is read of a row's channels, as it lies in memory.
template <class T, int kWidth, bool kReadsX, Through kThrough>
struct GradientRow {
  Pack<T, kWidth> dy, x, kept;

  // Row `row` where it is one, else zeros. Rows of dy lie dy_groups apart.
  __device__ void load(bool is_one, const Operands<T>& at, unsigned row, unsigned groups,
                       unsigned dy_groups, unsigned group) {
    const unsigned item = row * groups + group;
    dy = load_pack_if<T, kWidth>(is_one, at.dy, row * dy_groups + group);
    if constexpr (kReadsX) x = load_pack_if<T, kWidth>(is_one, at.x, item);
    if constexpr (kThrough == Through::kKept) kept = load_pack_if<T, kWidth>(is_one, at.kept, item);
  }
};

// From a row of dy to the next; only in training it may have more channels than x.
template <int kWidth, bool kFromVariance, class T>
__device__ unsigned dy_groups(const Operands<T>& at, unsigned groups) {
  return kFromVariance ? groups : static_cast<unsigned>(at.dy_stride) / kWidth;
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

  __device__ Channels(F activation, const Floats<kWidth>& mean_, const Floats<kWidth>& scale_,
                      const Floats<kWidth>& bias_)
      : f(activation), mean(mean_), scale(scale_), bias(bias_) {}

  // du of one lane of a row.
  template <class Row>
  __device__ float backward(const Row& row, int lane) const {
    const float dy = row.dy[lane];
    if constexpr (kThrough == Through::kKept) {
      return f.through_kept(row.kept[lane], dy);
    } else if constexpr (kThrough == Through::kArgument) {
      const float u = normalised(row.x[lane], mean.lane[lane], scale.lane[lane], bias.lane[lane]);
      return f.through_argument(u, dy);
    } else {
      return dy;
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
  walk_runs(partial, runs, channels, my, [&](unsigned, float du, float product) {
    join(own, Sums<1>{{du}, {product}});
  });
  parts[threadIdx.x] = own;
  block_join_rows(parts, my.rows_at_once, width, join<1>);
  if (!my.active || my.row != 0) return;
  const auto inverse = inverse_deviations<1, kFromVariance>(at.spread, my.group, epsilon);
  at.dbias[my.group] = parts[threadIdx.x].du[0];
  at.dweight[my.group] = parts[threadIdx.x].product[0] * inverse.lane[0];
}

inline constexpr unsigned kApplyBlocks = 3;  // an SM, of 80 registers a thread
template <Through kThrough>
inline constexpr unsigned kApplyRows = kThrough == Through::kNothing ? 4 : 3;  // in flight

// What batch_norm_gradient_apply knows of its block's channels: [kFactors, kMostGroups] of mean, scale,
// bias, shift, slope. A thread a channel, for there are divisions among it, and threads may have no more
// rows than are in flight at once.
inline constexpr unsigned kFactors = 5;
template <bool kFromVariance, Through kThrough, int kWidth, class T, class F>
__device__ void store_factors(Floats<kWidth>* factors, const Operands<T>& at, int64_t rows,
                              unsigned groups, unsigned width, float epsilon, F f) {
  const unsigned channel = blockIdx.x * width * kWidth + threadIdx.x;
  if (threadIdx.x >= width * kWidth || channel >= groups * kWidth) return;
  const Channels<1, kFromVariance, kThrough, F> one(at, channel, epsilon, f);
  float shift = 0, slope = 0;
  if constexpr (!kFromVariance) {
    shift = at.dbias[channel] / static_cast<float>(rows);
    slope = at.dweight[channel] * (one.inverse.lane[0] / static_cast<float>(rows));
  }
  const float of[kFactors] = {one.mean.lane[0], one.scale.lane[0], one.bias.lane[0], shift, slope};
#pragma unroll
  for (unsigned i = 0; i < kFactors; ++i) {
    factors[i * kMostGroups + threadIdx.x / kWidth].lane[threadIdx.x % kWidth] = of[i];
  }
}

// dx = scale (du - shift - (x - mean) slope), in inference scale du; dx may be dy or x.
template <int kWidth, bool kFromVariance, Through kThrough, class T, class F>
__global__ void __launch_bounds__(kTileBlock, kApplyBlocks)
    batch_norm_gradient_apply(Operands<T> at, int64_t rows, unsigned groups, unsigned width,
                              float epsilon, F f) {
  constexpr unsigned kRows = kApplyRows<kThrough>;
  constexpr bool kReadsX = !kFromVariance || kThrough == Through::kArgument;
  VOLUTA_SHARED(Floats<kWidth>[kFactors * kMostGroups], factors);
  store_factors<kFromVariance, kThrough>(static_cast<Floats<kWidth>*>(factors), at, rows, groups,
                                         width, epsilon, f);
  __syncthreads();
  const TileThread my(groups, width);
  if (!my.active) return;
  const Floats<kWidth>* const mine = factors + threadIdx.x % width;
  const Channels<kWidth, kFromVariance, kThrough, F> channels(f, mine[0], mine[kMostGroups],
                                                              mine[2 * kMostGroups]);
  const Floats<kWidth> shift = mine[3 * kMostGroups], slope = mine[4 * kMostGroups];
  const unsigned end = static_cast<unsigned>(rows), step = gridDim.y * my.rows_at_once;
  const unsigned dy_apart = dy_groups<kWidth, kFromVariance>(at, groups);
  for (unsigned row = blockIdx.y * my.rows_at_once + my.row; row < end; row += kRows * step) {
    GradientRow<T, kWidth, kReadsX, kThrough> held[kRows];
#pragma unroll
    for (unsigned i = 0; i < kRows; ++i) {
      held[i].load(i == 0 || row + i * step < end, at, row + i * step, groups, dy_apart, my.group);
    }
#pragma unroll
    for (unsigned i = 0; i < kRows; ++i) {
      if (i > 0 && row + i * step >= end) break;
      Floats<kWidth> dx;
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) {
        float through = channels.backward(held[i], lane);
        if constexpr (!kFromVariance) {
          const float d = held[i].x[lane] - channels.mean.lane[lane];
          through = fmaf(-d, slope.lane[lane], through - shift.lane[lane]);
        }
        dx.lane[lane] = channels.scale.lane[lane] * through;
      }
      store<kWidth>(at.dx, (row + i * step) * groups + my.group, dx);
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
         tiles.shape(with.size.rows, kApplyRows<kThrough>, kElementwiseBlocks),
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
