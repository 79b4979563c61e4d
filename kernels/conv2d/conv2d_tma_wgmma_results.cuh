#pragma once

// How the "implicit_gemm_tma_wgmma" kernels store what their warps hold: results pass through shared
// memory, so that they leave, and what is added to them comes, in whole rows; and their moments.

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

// Where results 2 half and 2 half + 1 of the lane's j-th group of columns (wgmma.cuh) lie among its
// warp's staged rows.
template <class T>
__device__ unsigned char* staged_pair(unsigned char* staging, int j, int half) {
  const int lane = static_cast<int>(threadIdx.x) % 32, column = 8 * j + lane % 4 * 2;
  const int chunk = column / kChunkElements<T>, in_chunk = column % kChunkElements<T>;
  return staged_chunk<T>(staging, lane / 4 + half * 8, chunk) +
         in_chunk * static_cast<int>(sizeof(T));
}

// Reads 16 rows x 128 bytes of a tensor to where store_rows() will put a warp's results, 16 bytes a
// lane, zeros past the end. `row_at` and `columns` as below.
template <class T, class RowAt>
__device__ inline void load_rows(unsigned char* staging, int columns, RowAt row_at) {
  const int lane = static_cast<int>(threadIdx.x) % 32, chunk = lane % 8;
  uint4 quads[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const T* from = row_at(i * 4 + lane / 8);
    const int column = chunk * kChunkElements<T>;
    const bool exists = from != nullptr && column < columns;
    quads[i] = exists ? *reinterpret_cast<const uint4*>(from + column) : make_uint4(0, 0, 0, 0);
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    *reinterpret_cast<uint4*>(staged_chunk<T>(staging, i * 4 + lane / 8, chunk)) = quads[i];
  }
  __syncwarp();
}

// Calls f(j, half, at) for each pair of a warp's 16 rows x 128 bytes that this lane stages.
template <class T, class F>
__device__ inline void for_each_pair(unsigned char* staging, F f) {
#pragma unroll
  for (int j = 0; j < kRowElements<T> / 8; ++j) {
#pragma unroll
    for (int half = 0; half < 2; ++half) f(j, half, staged_pair<T>(staging, j, half));
  }
}

// Turns a warp's 16 rows x 128 bytes of results into rows and stores them, 16 bytes a lane:
// `put(j, half, at)` leaves a staged pair at `at`, `row_at(row)` is where the kRowElements columns of a row
// of the tile begin in memory (nullptr: nowhere), of which `columns` exist, in whole chunks.
template <class T, class Put, class RowAt>
__device__ inline void store_rows(unsigned char* staging, int columns, Put put, RowAt row_at) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for_each_pair<T>(staging, put);
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
