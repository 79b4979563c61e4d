#pragma once

// What the "implicit_gemm_tma_wgmma" kernels tell of the columns of a tile of results: their moments
// (column_moments.cuh), or the sums that a batch norm in front needs (column_sums.cuh). Fragments of wgmma have a
// column in 8 lanes, and in each lane columns far apart, whose constants and shuffles would outnumber all else. So
// results are read where they are staged to be stored, row by row: a lane owns the columns of 4 bytes, and walks
// down its warp's 16 rows.
//
//   staged     row 0   | lane 0 | lane 1 | ... | lane 31 |   128 bytes: every lane in a bank of its own
//              ...
//              row 15  |        |        |     |         |
//   per warp   moments: mean and squares about it of its rows;  sums: sums and products
//   per tile (of a tall one, per half)
//              parts[0 and 1][warp][column] | barrier | a thread a column: warps in their order -> out | barrier
//
// Moments of warps become those of the tile by Chan, Golub, LeVeque 1979, "Updating formulae and a pairwise algorithm
// for computing sample variances", equation 2.1b, for many parts at once:
//   squares = sum_w squares_w + n_w (mean_w - mean)^2

#include <voluta/kernels/common/column_sums.cuh>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma_auxiliary.cuh>

#include <type_traits>

namespace voluta::tma_wgmma {

// The columns that a lane owns, of 128 bytes.
template <class T>
struct LaneColumns {
  static constexpr int kCount = 4 / static_cast<int>(sizeof(T));

  __device__ static int first() { return static_cast<int>(threadIdx.x) % 32 * kCount; }

  // Of a row: of results that a warp has staged, or of a copy.
  __device__ static void load(const unsigned char* row_bytes, float (&values)[kCount]) {
    if constexpr (kCount == 2) {
      unpack<T>(*reinterpret_cast<const uint32_t*>(row_bytes), values);
    } else {
      values[0] = *reinterpret_cast<const float*>(row_bytes);
    }
  }
  __device__ static void load_staged(const unsigned char* staging, int row,
                                     float (&values)[kCount]) {
    load(staged_chunk<T>(staging, row, lane() / 4) + lane() % 4 * 4, values);
  }
  __device__ static void load_copied(const unsigned char* rows, int row, float (&values)[kCount]) {
    load(copied_chunk(rows, row, lane() / 4) + lane() % 4 * 4, values);
  }

 private:
  __device__ static int lane() { return static_cast<int>(threadIdx.x) % 32; }
};

// Of the columns of a lane: their mean in the first `rows` of what a warp has staged, and the squares of their
// distances to it. Rows is an int, or a constant, whose loops are unrolled.
template <class T, class Rows>
struct LaneMoments {
  static constexpr int kCount = LaneColumns<T>::kCount;
  float means[kCount] = {}, squares[kCount] = {};

  __device__ LaneMoments(const unsigned char* staging, Rows rows) {
    for_each_row(staging, rows, [&](int i, float value) { means[i] += value; });
    const float share = 1.0f / static_cast<float>(max(int{rows}, 1));
#pragma unroll
    for (float& mean : means) mean *= share;
    for_each_row(staging, rows, [&](int i, float value) {
      const float distance = value - means[i];
      squares[i] = fmaf(distance, distance, squares[i]);
    });
  }

 private:
  template <class F>
  __device__ static void for_each_row(const unsigned char* staging, Rows rows, F f) {
#pragma unroll
    for (int row = 0; row < rows; ++row) {
      float values[kCount];
      LaneColumns<T>::load_staged(staging, row, values);
#pragma unroll
      for (int i = 0; i < kCount; ++i) f(i, values[i]);
    }
  }
};

// Leaves what lanes have of both kinds, of the tile's columns from `first` on.
template <int kWarps, int kColumns, int kCount>
__device__ void leave_parts(SumScratch<kWarps, kColumns>& scratch, int first,
                            const float (&left)[kCount], const float (&right)[kCount]) {
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32;
  const int column = first + thread % 32 * kCount;
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    scratch.sums[0][warp][column + i] = left[i];
    scratch.sums[1][warp][column + i] = right[i];
  }
}

// Leaves the moments of the warp's first `rows` rows of what is staged.
template <class T, class Scratch>
__device__ void gather_moments(Scratch& scratch, const unsigned char* staging, int rows,
                               int first) {
  if (rows == kWarpRows) {
    using AllRows = std::integral_constant<int, kWarpRows>;
    const LaneMoments<T, AllRows> own(staging, AllRows{});
    leave_parts(scratch, first, own.means, own.squares);
  } else {
    const LaneMoments<T, int> own(staging, rows);
    leave_parts(scratch, first, own.means, own.squares);
  }
}

// How many of a tile's rows are those of a warp.
__device__ inline int rows_of_warp(int rows, int warp) {
  return min(max(rows - warp * kWarpRows, 0), kWarpRows);
}

// Writes the moments of a tile of what its warps have gathered.
template <int kWarps, int kColumns>
__device__ void write_gathered_moments(const SumScratch<kWarps, kColumns>& scratch,
                                       const MomentTarget& target, int thread, int threads) {
  const float share = 1.0f / static_cast<float>(target.rows);
  for (int column = thread; column < min(kColumns, target.columns); column += threads) {
    float mean = 0, squares = 0;
#pragma unroll
    for (int warp = 0; warp < kWarps; ++warp) {
      const auto rows = static_cast<float>(rows_of_warp(target.rows, warp));
      mean = fmaf(rows * share, scratch.sums[0][warp][column], mean);
    }
#pragma unroll
    for (int warp = 0; warp < kWarps; ++warp) {
      const auto rows = static_cast<float>(rows_of_warp(target.rows, warp));
      const float distance = scratch.sums[0][warp][column] - mean;
      squares += fmaf(rows * distance, distance, scratch.sums[1][warp][column]);
    }
    target.out[column] = mean;
    target.out[target.stride + column] = squares;
  }
}

// Leaves the sums of the warp's rows of what is staged, and of z, which is copied: of the tile's columns from
// `first` on, whose channels are those from `first_channel` on; `columns` of these exist, and what is gathered of
// others is never written. Of rows that do not exist both are zeros.
template <class T, class Scratch>
__device__ void gather_sums(Scratch& scratch, const NormInFront<T>& norm,
                            const unsigned char* staging, const unsigned char* z_rows, int first,
                            int first_channel, int columns) {
  using Columns = LaneColumns<T>;
  typename NormInFront<T>::Channel channels[Columns::kCount];
#pragma unroll
  for (int i = 0; i < Columns::kCount; ++i) {
    channels[i] = norm.channel(first_channel + min(Columns::first() + i, columns - 1));
  }
  float sums[Columns::kCount] = {}, products[Columns::kCount] = {};
#pragma unroll
  for (int row = 0; row < kWarpRows; ++row) {
    float dx[Columns::kCount], z[Columns::kCount];
    Columns::load_staged(staging, row, dx);
    Columns::load_copied(z_rows, row, z);
#pragma unroll
    for (int i = 0; i < Columns::kCount; ++i) {
      norm.add(channels[i], z[i], dx[i], sums[i], products[i]);
    }
  }
  leave_parts(scratch, first, sums, products);
}

}  // namespace voluta::tma_wgmma
