#pragma once

// Means and sums of squared deviations of channels over runs of rows, how they are joined (Chan,
// Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample
// variances"), and the end of a training step once the runs have theirs. Internal to the room.
//   d = m_b - m_a     m = m_a + d k/(n+k)     M = M_a + M_b + d^2 n k/(n+k)    (n and k rows)

#include <voluta/kernels/batch_norm/batch_norm_engines.h>
#include <voluta/kernels/batch_norm/batch_norm_normalise.cuh>
#include <voluta/kernels/common/reduction.cuh>

namespace voluta::batch_norm {

inline constexpr int64_t kFinishWidth = 8;  // channels a block of batch_norm_finish

// Rows cut into runs of whole parts of `part` rows.
struct Cut {
  unsigned rows, part;
  RowRuns runs;  // of parts

  Cut(int64_t rows_, int64_t part_, unsigned runs_)
      : rows(static_cast<unsigned>(rows_)),
        part(static_cast<unsigned>(part_)),
        runs((rows_ + part_ - 1) / part_, runs_) {}

  __device__ unsigned begin(unsigned run) const {
    const unsigned row = runs.begin(run) * part;
    return row < rows ? row : rows;
  }
  __device__ int length(unsigned run) const {
    return static_cast<int>(begin(run + 1) - begin(run));
  }
};

// a / b of two numbers of rows, b > 0, rounded as a division is. One that may meet any floats has a way
// round for the extremes, a call in the middle of what a loop keeps in registers.
__device__ inline float share_of(int a, int b) {
  const float dividend = static_cast<float>(a), divisor = static_cast<float>(b);
#ifdef __CUDA_ARCH__
  float inverse;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(divisor));
  inverse = fmaf(fmaf(-divisor, inverse, 1.0f), inverse, inverse);
  float quotient = dividend * inverse;
  quotient = fmaf(fmaf(-divisor, quotient, dividend), inverse, quotient);
  return fmaf(fmaf(-divisor, quotient, dividend), inverse, quotient);
#else
  return dividend / divisor;
#endif
}

// Of kWidth channels over `rows` rows: means, and sums of squared deviations from them.
template <int kWidth>
struct Moments {
  int rows;
  float mean[kWidth], deviations[kWidth];
};

template <int kWidth>
__device__ inline void join(Moments<kWidth>& to, const Moments<kWidth>& other) {
  if (other.rows == 0) return;
  const int rows = to.rows + other.rows;
  const float weight = share_of(other.rows, rows);
  const float scale = static_cast<float>(to.rows) * weight;
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) {
    const float d = other.mean[lane] - to.mean[lane];
    to.mean[lane] = fmaf(d, weight, to.mean[lane]);
    to.deviations[lane] += fmaf(d, d * scale, other.deviations[lane]);
  }
  to.rows = rows;
}

// The block's moments, which `own` of its threads make up, to run blockIdx.y of partial
// [runs, 2, groups * kWidth]. Every thread of the block calls it.
template <int kWidth>
__device__ inline void store_joined(const Moments<kWidth>& own, Moments<kWidth>* parts,
                                    const TileThread& my, unsigned groups, unsigned width,
                                    float* partial) {
  parts[threadIdx.x] = own;
  block_join_rows(parts, my.rows_at_once, width, join<kWidth>);
  if (!my.active || my.row != 0) return;
  const Moments<kWidth>& all = parts[threadIdx.x];
  Floats<kWidth> mean, deviations;
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) {
    mean.lane[lane] = all.mean[lane];
    deviations.lane[lane] = all.deviations[lane];
  }
  const int64_t first = static_cast<int64_t>(blockIdx.y) * 2 * groups;
  store<kWidth>(partial, first + my.group, mean);
  store<kWidth>(partial, first + groups + my.group, deviations);
}

// Scalars of a step.
struct Finish {
  explicit Finish(const BatchNormOptions& options)
      : epsilon(static_cast<float>(options.epsilon)),
        momentum(static_cast<float>(options.momentum)),
        keep(static_cast<float>(1 - options.momentum)),
        activation(options.activation) {}

  float epsilon, momentum, keep;  // keep = 1 - momentum
  ActivationKind activation;
};

// Joins the runs and writes all outputs of a step but y. Grid (ceil(C / kFinishWidth)).
template <class T>
__global__ void __launch_bounds__(kTileBlock)
    batch_norm_finish(const float* partial /* [runs, 2, channels] */, TrainingOperands<T, float> at,
                      Cut cut, unsigned channels, unsigned width, Finish with) {
  VOLUTA_SHARED(Moments<1>[kTileBlock], parts);
  const TileThread my(channels, width);
  Moments<1> own{};
  walk_runs(partial, cut.runs.count, channels, my, [&](unsigned run, float mean, float deviations) {
    join(own, Moments<1>{cut.length(run), {mean}, {deviations}});
  });
  parts[threadIdx.x] = own;
  block_join_rows(parts, my.rows_at_once, width, join<1>);
  if (blockIdx.x == 0 && threadIdx.x == 0) *at.new_batches = *at.batches + 1;
  if (!my.active || my.row != 0) return;
  const Moments<1>& all = parts[threadIdx.x];
  const unsigned c = my.group;
  const float mean = all.mean[0], squares = all.deviations[0];
  const float old_mean = at.running_mean[c], old_var = at.running_var[c];
  const float weight = at.weight[c], bias = at.bias[c];
  at.mean[c] = mean;
  const float inverse = 1.0f / sqrtf(squares / static_cast<float>(cut.rows) + with.epsilon);
  at.inverse_deviation[c] = inverse;
  at.new_mean[c] = fmaf(with.momentum, mean, with.keep * old_mean);
  const float unbiased = squares / static_cast<float>(cut.rows - 1);
  at.new_var[c] = fmaf(with.momentum, unbiased, with.keep * old_var);
  if (at.normaliser == nullptr) return;
  at.normaliser[c] = mean;
  at.normaliser[channels + c] = weight * inverse;
  at.normaliser[2 * channels + c] = bias;
}

// Finishes what `partial` [cut.runs, 2, channels] holds, and normalises unless that is deferred.
template <int kWidth, class T>
void launch_finish(Stream& stream, const TrainingOperands<T, float>& at, const float* partial,
                   const Cut& cut, int64_t channels, const Finish& finish) {
  const ChannelTiles last(channels, 1, kFinishWidth);
  launch(stream, "batch_norm_finish", last.shape(1, 1, last.tiles), batch_norm_finish<T>, partial,
         at, cut, last.groups, last.width, finish);
  if (at.y == nullptr) return;
  launch_normalise<kWidth, false, T>(stream, {at.x, at.residual, at.y},
                                     {at.weight, at.bias, at.mean, at.inverse_deviation}, cut.rows,
                                     channels, finish.epsilon, finish.activation);
}

template <class T>
bool is_grouped(const TrainingOperands<T, float>& at, int64_t channels) {
  return channels % kVector<T> == 0 && aligned16(at.x, at.residual, at.y, at.weight, at.bias,
                                                 at.mean, at.inverse_deviation, at.moments);
}

}  // namespace voluta::batch_norm
