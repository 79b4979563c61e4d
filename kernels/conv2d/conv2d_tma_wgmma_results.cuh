#pragma once

// How the "implicit_gemm_tma_wgmma" kernels store what their warps hold: results pass through shared
// memory, so that they leave in whole rows.

#include <voluta/kernels/common/packed_pair.h>
#include <voluta/kernels/common/tensor_copy.cuh>
#include <voluta/kernels/common/tensor_core.cuh>
#include <voluta/kernels/common/wgmma.cuh>

namespace voluta::tma_wgmma {

// Elements of 128 bytes, and of 16: T is BFloat16, Float16 or float.
template <class T>
constexpr int kRowElements = kSwizzledRowBytes / static_cast<int>(sizeof(T));
template <class T>
constexpr int kChunkElements = 16 / static_cast<int>(sizeof(T));

// Where chunk < 8 of a warp's staged row < 16 lies. Lanes write pairs: 8 rows of one chunk of 16 bits
// at once, 4 rows of two chunks of f32, each in banks of its own.
template <class T, class Byte>
__device__ Byte* staged_chunk(Byte* staging, int row, int chunk) {
  const int swizzle = sizeof(T) == 2 ? row % 8 : row % 4 * 2;
  return staging + row * kSwizzledRowBytes + (chunk ^ swizzle) * 16;
}

// Results 2 half and 2 half + 1 of the lane's j-th group of columns (wgmma.cuh): where they are in 16 rows of
// 128 bytes.
template <class T>
struct PairPlace {
  int row, chunk, byte;  // of the chunk

  __device__ PairPlace(int j, int half) {
    const int lane = static_cast<int>(threadIdx.x) % 32, column = 8 * j + lane % 4 * 2;
    row = lane / 4 + half * 8;
    chunk = column / kChunkElements<T>;
    byte = column % kChunkElements<T> * static_cast<int>(sizeof(T));
  }
};

// In a warp's staged rows.
template <class T>
__device__ unsigned char* staged_pair(unsigned char* staging, int j, int half) {
  const PairPlace<T> at(j, half);
  return staged_chunk<T>(staging, at.row, at.chunk) + at.byte;
}

// In rows of a swizzled copy (tensor_map.h), the first a multiple of 8. Of pairs of f32 two rows share banks.
__device__ inline const unsigned char* copied_chunk(const unsigned char* rows, int row, int chunk) {
  return rows + row * kSwizzledRowBytes + (chunk ^ row % 8) * 16;
}
template <class T>
__device__ const unsigned char* copied_pair(const unsigned char* rows, int j, int half) {
  const PairPlace<T> at(j, half);
  return copied_chunk(rows, at.row, at.chunk) + at.byte;
}

// f(j, half) for each pair that a lane holds of a warp's 16 rows x 128 bytes.
template <class T, class F>
__device__ inline void for_each_pair(F f) {
#pragma unroll
  for (int j = 0; j < kRowElements<T> / 8; ++j) {
#pragma unroll
    for (int half = 0; half < 2; ++half) f(j, half);
  }
}

// Where rows of a tile begin in memory: of a warp's 16 those of which this lane stores 16 bytes of each 128. Found
// once a tile.
template <class T>
struct StoredRows {
  static constexpr int kCount = 4;
  T* begin[kCount];  // nullptr: there is no such row

  // `row_at(row)`: of the warp's.
  template <class RowAt>
  __device__ explicit StoredRows(RowAt row_at) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) begin[i] = row_at(row(i));
  }
  __device__ static int row(int i) {
    return i * 4 + static_cast<int>(threadIdx.x) % 32 / 8;
  }
  __device__ static int chunk() {
    return static_cast<int>(threadIdx.x) % 8;
  }
};

// Turns a warp's 16 rows x 128 bytes of results, those of a lane from sums[first_sum] on, into rows and stores them
// from column `first` on, of which `columns` exist, in whole chunks. while_staged() is called while they are.
template <class T, int kSums, class F>
__device__ inline void store_rows(unsigned char* staging, const StoredRows<T>& rows, int first,
                                  int columns, const float (&sums)[kSums], int first_sum,
                                  F while_staged) {
  for_each_pair<T>([&](int j, int half) {
    const float* pair = &sums[first_sum + 4 * j + 2 * half];
    store_pair<T>(staged_pair<T>(staging, j, half), pair[0], pair[1]);
  });
  __syncwarp();
  const int chunk = rows.chunk(), column = chunk * kChunkElements<T>;
#pragma unroll
  for (int i = 0; i < rows.kCount; ++i) {
    if (rows.begin[i] == nullptr || column >= columns) continue;
    *reinterpret_cast<uint4*>(rows.begin[i] + first + column) =
        *reinterpret_cast<const uint4*>(staged_chunk<T>(staging, rows.row(i), chunk));
  }
  while_staged();
  __syncwarp();  // the next columns overwrite it
}

// Where 8 of a warp's 16 rows of a staged column < 64 lie, `half` of its 32 bytes. Lanes write such halves of 8 columns
// at once, and read 4 whole columns, each in banks of its own.
__device__ inline unsigned char* staged_half_column(unsigned char* staging, int column, int half) {
  return staging + column * 32 + (half ^ column / 4 % 2) * 16;
}

// Stores a warp's 16 rows x 64 columns of results, those of a lane from sums[first_sum] on, where a column's rows are
// neighbours in memory and the next column is `apart` elements further: two lanes write the 32 bytes of a column.
// `columns` and `rows` exist, rows in multiples of 8. T has 16 bits.
template <class T, int kSums>
__device__ inline void store_columns(unsigned char* staging, T* to, int64_t apart, int columns,
                                     int rows, const float (&sums)[kSums], int first_sum) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    uint32_t pairs[4];  // rows 0-7 and 8-15 of columns 16 i to 16 i + 7, then of the next 8
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const float* pair = &sums[first_sum + 8 * i + 2 * j];
      pairs[j] = packed<T>(pair[0], pair[1]);
    }
    const int column = 16 * i + lane / 16 * 8 + lane % 8;
    store_matrices_transposed(staged_half_column(staging, column, lane / 8 % 2), pairs);
  }
  __syncwarp();
  const int first = lane / 2, half = lane % 2;
  to += first * apart + half * 8;
  if (half * 8 >= rows) columns = 0;
#pragma unroll
  for (int i = 0; i < 4; ++i, to += 16 * apart) {
    if (16 * i + first >= columns) continue;
    *reinterpret_cast<uint4*>(to) =
        *reinterpret_cast<const uint4*>(staged_half_column(staging, 16 * i + first, half));
  }
  __syncwarp();  // the next columns overwrite it
}

// Stores a warp's 16 rows of results in f32 straight from its registers: four lanes write 32 neighbouring
// bytes. `row_at(row)` is where a row of the warp's begins, nullptr: nowhere; `columns` exist, in pairs.
template <int kSums, class RowAt>
__device__ inline void store_floats(const float (&sums)[kSums], int columns, RowAt row_at) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float* const row = row_at(lane / 4 + half * 8);
    if (row == nullptr) continue;
#pragma unroll
    for (int j = 0; j < kSums / 4; ++j) {
      const int column = 8 * j + lane % 4 * 2;
      if (column >= columns) continue;
      const float* from = &sums[4 * j + 2 * half];
      *reinterpret_cast<float2*>(row + column) = make_float2(from[0], from[1]);
    }
  }
}

}  // namespace voluta::tma_wgmma
