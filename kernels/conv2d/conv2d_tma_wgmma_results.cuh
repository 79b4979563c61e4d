#pragma once

// How the "implicit_gemm_tma_wgmma" kernels store what their warps hold: results pass through shared
// memory, so that they leave in whole rows; and their moments.

#include <voluta/kernels/common/packed_pair.h>
#include <voluta/kernels/common/column_moments.cuh>
#include <voluta/kernels/common/tensor_copy.cuh>
#include <voluta/kernels/common/wgmma.cuh>

namespace voluta::tma_wgmma {

// Elements of 128 bytes, and of 16: T is BFloat16, Float16 or float.
template <class T>
constexpr int kRowElements = kSwizzledRowBytes / static_cast<int>(sizeof(T));
template <class T>
constexpr int kChunkElements = 16 / static_cast<int>(sizeof(T));

// Where chunk < 8 of a warp's staged row < 16 lies. Lanes write pairs: 8 rows of one chunk of 16 bits
// at once, 4 rows of two chunks of f32, each in banks of its own.
template <class T>
__device__ unsigned char* staged_chunk(unsigned char* staging, int row, int chunk) {
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

// In 16 rows of a swizzled copy (tensor_map.h), the first a multiple of 8. Of f32 two rows share banks.
template <class T>
__device__ const unsigned char* copied_pair(const unsigned char* rows, int j, int half) {
  const PairPlace<T> at(j, half);
  return rows + at.row * kSwizzledRowBytes + (at.chunk ^ at.row % 8) * 16 + at.byte;
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

// Turns a warp's 16 rows x 128 bytes of results into rows and stores them, 16 bytes a lane:
// `put(j, half, at)` leaves a pair at `at`, `row_at(row)` is where the kRowElements columns of a row
// of the tile begin in memory (nullptr: nowhere), of which `columns` exist, in whole chunks.
template <class T, class Put, class RowAt>
__device__ inline void store_rows(unsigned char* staging, int columns, Put put, RowAt row_at) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for_each_pair<T>([&](int j, int half) { put(j, half, staged_pair<T>(staging, j, half)); });
  __syncwarp();
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int row = i * 4 + lane / 8, chunk = lane % 8;
    T* to = row_at(row);
    const int column = chunk * kChunkElements<T>;
    if (to == nullptr || column >= columns) continue;
    *reinterpret_cast<uint4*>(to + column) =
        *reinterpret_cast<const uint4*>(staged_chunk<T>(staging, row, chunk));
  }
  __syncwarp();  // the next columns overwrite it
}

// Stores a warp's 16 rows of results in f32 straight from its registers: four lanes write 32 neighbouring
// bytes. `row_at` and `columns` as above, columns in pairs.
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

// A warp's 16 rows of results, as columns for write_column_moments(): those of its rows before `rows`.
template <int kSums>
struct ResultColumns {
  using Columns = FragmentColumns<2 * kSums>;
  static constexpr int kSlots = Columns::kSlots;

  const float (&sums)[kSums];
  int rows, part;

  __device__ static int column(int slot) { return Columns::column(slot); }

  template <class G>
  __device__ float sum(int slot, G g) const {
    const int row = static_cast<int>(threadIdx.x) % 32 / 4, at = slot / 2 * 4 + slot % 2;
    float sum = row < rows ? g(sums[at]) : 0.0f;
    if (row + 8 < rows) sum += g(sums[at + 2]);
    return sum;
  }

  template <class F>
  __device__ static void combine(float (&values)[kSlots], F f) {
    Columns::combine(values, f);
  }
};

}  // namespace voluta::tma_wgmma
