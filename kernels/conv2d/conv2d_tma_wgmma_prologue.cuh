#pragma once

// How the "implicit_gemm_tma_wgmma" kernels of 16 bits take a prologue (kernels/common/prologue.h): copies
// bring x as it is, and the warps that multiply first normalise it where it lies, while the tensor cores
// are busy with the stage before.
//
//            chunk 0       1      ...      7         thread t: chunk t % 8 of rows t/8, t/8 + 32, ...,
//   row 0   |8 channels |8     |        |8     |     which are of the same channels: their means, scales
//   row 1   |           |      |        |      |     and biases are in registers. Chunk j of row i lies
//   ...                                              at j ^ (i % 8): a row's eight in all banks.
//
// 64 rows of 128 bytes take 64 + 64 cycles of shared memory. Windows are single pixels, for which memory
// binds: a step of 128 pixels x 64 channels is 16 KiB, 1000 cycles at an SM's share of 4.3 TB/s, against 256
// here and 640 of copies and products of 128 x 128.

#include <voluta/kernels/common/tensor_copy.cuh>
#include <voluta/kernels/common/wgmma.cuh>
#include <voluta/kernels/conv2d/conv2d_prologue.cuh>

namespace voluta::tma_wgmma {

// `rows` rows of 64 channels from `first_channel` on, by `threads` threads; of those that exist. Where rows
// are multiplied by zeros because they do not, they must stay zeros: 0 times the xhat of 0 may be NaN.
template <class T>
__device__ inline void normalise_rows(const Normaliser& normaliser, unsigned char* first, int rows,
                                      int first_channel, int threads) {
  static_assert(sizeof(T) == 2);
  constexpr int kChunks = kSwizzledRowBytes / 16;
  const int thread = static_cast<int>(threadIdx.x), chunk = thread % kChunks;
  const int channel = first_channel + chunk * NormaliserChunk<T>::kCount;
  if (channel >= normaliser.channels) return;
  NormaliserChunk<T> of;
  of.load(normaliser, channel);
#pragma unroll 4
  for (int row = thread / kChunks; row < rows; row += threads / kChunks) {
    auto* const at =
        reinterpret_cast<uint4*>(first + row * kSwizzledRowBytes + (chunk ^ (row % 8)) * 16);
    const uint4 quad = *at;
    uint32_t words[4] = {quad.x, quad.y, quad.z, quad.w};
    of.apply(normaliser.f, words);
    *at = make_uint4(words[0], words[1], words[2], words[3]);
  }
}

}  // namespace voluta::tma_wgmma
