#pragma once

// What the gradient of a batch norm first wants to know of a gradient dx that the threads of a tile
// still hold in registers: of each column c, over the tile's rows r,
//   sum_r du      sum_r du (z - m[c])      du = dx f'(u),   u = (z - m[c]) s[c] w[c] + b[c]
// z, the batch norm's input, is read where dx is stored. Rows are added as in column_moments.cuh: the
// same bits in every run.
//
//   own rows, z of each -> lanes -> sums[0 and 1][part][column] | barrier | out

#include <voluta/kernels/common/normalised.h>
#include <voluta/kernels/common/column_moments.cuh>
#include <voluta/kernels/common/epilogue.cuh>

namespace voluta {

// The batch norm in front, without a residual.
template <class T>
struct NormInFront {
  const T* z;                            // laid out as dx; nullptr: no sums are wanted
  const float* mean;                     // [C]
  const float *weight, *inverse, *bias;  // [C]; nullptr where there is no activation
  Clamp f;

  struct Channel {
    float mean, scale, bias;
  };
  __device__ Channel channel(int c) const {
    Channel of = {load_read_only(mean + c), 0.0f, 0.0f};
    if (weight == nullptr) return of;
    of.scale = load_read_only(weight + c) * load_read_only(inverse + c);
    of.bias = load_read_only(bias + c);
    return of;
  }

  __device__ float z_at(int64_t at) const { return static_cast<float>(load_read_only(z + at)); }

  // Adds the terms of one dx, whose z is given.
  __device__ void add(const Channel& of, float value, float dx, float& sum, float& product) const {
    const float du = f.through_argument(normalised(value, of.mean, of.scale, of.bias), dx);
    sum += du;
    product = fmaf(du, value - of.mean, product);
  }
};

// Adds up what the lanes of a warp have of their columns, slot by slot. `own` as
// write_column_moments() asks for it, but for its sum().
template <int kParts, int kColumns, class Own>
__device__ void gather_column_sums(SumScratch<kParts, kColumns>& scratch, const Own& own,
                                   float (&sums)[Own::kSlots], float (&products)[Own::kSlots]) {
  own.combine(sums, [&](int column, float sum) { scratch.sums[0][own.part][column] = sum; });
  own.combine(products, [&](int column, float sum) { scratch.sums[1][own.part][column] = sum; });
}

// Adds up what was gathered of all warps, and writes both sums of each column.
template <int kParts, int kColumns>
__device__ void write_gathered_sums(const SumScratch<kParts, kColumns>& scratch,
                                    const MomentTarget& target, int thread, int threads) {
  for (int column = thread; column < kColumns; column += threads) {
    if (column >= target.columns) break;
#pragma unroll
    for (int which = 0; which < 2; ++which) {
      float total = 0;
#pragma unroll
      for (int part = 0; part < kParts; ++part) total += scratch.sums[which][part][column];
      target.out[which * target.stride + column] = total;
    }
  }
}

// Both, where a thread holds all its columns at once; `barrier()` waits for all threads.
template <int kParts, int kColumns, class Own, class Barrier>
__device__ void write_column_sums(SumScratch<kParts, kColumns>& scratch, const Own& own,
                                  float (&sums)[Own::kSlots], float (&products)[Own::kSlots],
                                  const MomentTarget& target, int thread, int threads,
                                  Barrier barrier) {
  gather_column_sums(scratch, own, sums, products);
  barrier();
  write_gathered_sums(scratch, target, thread, threads);
}

}  // namespace voluta
