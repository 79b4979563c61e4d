#pragma once

// Mean and sum of squared deviations from it, of each column of a tile of outputs that its threads
// still hold in registers (those of Hopper have them staged: conv2d_tma_wgmma_columns.cuh): what batch
// norm in training wants to know of a convolution's output without reading it again.
//   mean[c] = sum_r y[r,c] / R      squares[c] = sum_r (y[r,c] - mean[c])^2      over the tile's R rows
// Two passes over the registers, so that nothing cancels. In each a thread adds up its own rows, the
// lanes that share columns theirs, and one thread a column the warps above each other in their order:
// the same bits in every run.
//
//   own rows -> lanes -> sums[0][part][column] | means[column] | own rows -> .. -> sums[1] | out
//                                              barriers

#include <voluta/core/device/launch.cuh>

namespace voluta {

constexpr unsigned kWholeWarp = 0xffffffffu;

// In shared memory. `kParts` warps lie above each other.
template <int kParts, int kColumns>
struct SumScratch {
  float sums[2][kParts][kColumns];
};
template <int kParts, int kColumns>
struct MomentScratch : SumScratch<kParts, kColumns> {
  float means[kColumns];
};

// Where a tile's moments go: [2, stride], of which `columns` from `out` on are the tile's.
struct MomentTarget {
  float* out;
  int stride, columns;
  int rows;  // of the tile that exist
};

// Columns of accumulator fragments (tensor_core.cuh): of each 8 columns, lane t holds
// 2 t and 2 t + 1, t = lane % 4, and the 8 lanes with the same t hold different rows.
template <int kColumns>
struct FragmentColumns {
  static constexpr int kSlots = kColumns / 4;  // of a lane

  __device__ static int column(int slot) {
    return slot / 2 * 8 + static_cast<int>(threadIdx.x) % 4 * 2 + slot % 2;
  }

  // Adds up the 8 lanes of each column; f(column, total) for those whose total this lane ends with.
  // In each step a lane gives away one half of its columns and takes in the other; one that is left with
  // an odd number of them shares the last step.
  template <class F>
  __device__ static void combine(float (&values)[kSlots], F f) {
    static_assert(kSlots % 4 == 0);
    int first = 0;
    halve<kSlots, 16>(values, first);
    halve<kSlots / 2, 8>(values, first);
    if constexpr (kSlots % 8 == 0) {
      halve<kSlots / 4, 4>(values, first);
#pragma unroll
      for (int i = 0; i < kSlots / 8; ++i) f(column(first + i), values[i]);
    } else {
#pragma unroll
      for (int i = 0; i < kSlots / 4; ++i) {
        values[i] += __shfl_xor_sync(kWholeWarp, values[i], 4);
        if ((threadIdx.x & 4) == 0) f(column(first + i), values[i]);
      }
    }
  }

 private:
  template <int kHeld, int kLaneBit>
  __device__ static void halve(float (&values)[kSlots], int& first) {
    const bool upper = (threadIdx.x & kLaneBit) != 0;
#pragma unroll
    for (int i = 0; i < kHeld / 2; ++i) {
      const float kept = upper ? values[i + kHeld / 2] : values[i];
      const float given = upper ? values[i] : values[i + kHeld / 2];
      values[i] = kept + __shfl_xor_sync(kWholeWarp, given, kLaneBit);
    }
    if (upper) first += kHeld / 2;
  }
};

// `own` is what the thread holds: kSlots columns, column(slot), combine(values, f), part (which of
// the warps above each other), and sum(slot, g), the sum of g(value) over its rows that exist. All of
// `threads` threads call it, `thread` of them; `barrier()` waits for all.
template <int kParts, int kColumns, class Own, class Barrier>
__device__ void write_column_moments(MomentScratch<kParts, kColumns>& scratch, const Own& own,
                                     const MomentTarget& target, int thread, int threads,
                                     Barrier barrier) {
  auto total = [&](int pass, int column) {
    float sum = 0;
#pragma unroll
    for (int part = 0; part < kParts; ++part) sum += scratch.sums[pass][part][column];
    return sum;
  };
  float values[Own::kSlots];
#pragma unroll
  for (int slot = 0; slot < Own::kSlots; ++slot) {
    values[slot] = own.sum(slot, [](float value) { return value; });
  }
  own.combine(values, [&](int column, float sum) { scratch.sums[0][own.part][column] = sum; });
  barrier();
  for (int column = thread; column < kColumns; column += threads) {
    scratch.means[column] = total(0, column) / static_cast<float>(target.rows);
  }
  barrier();
#pragma unroll
  for (int slot = 0; slot < Own::kSlots; ++slot) {
    const float mean = scratch.means[own.column(slot)];
    values[slot] = own.sum(slot, [mean](float value) { return (value - mean) * (value - mean); });
  }
  own.combine(values, [&](int column, float sum) { scratch.sums[1][own.part][column] = sum; });
  barrier();
  for (int column = thread; column < kColumns; column += threads) {
    if (column >= target.columns) break;
    target.out[column] = scratch.means[column];
    target.out[target.stride + column] = total(1, column);
  }
}

}  // namespace voluta
