// Step 2, "tiled": a block fetches the operands of 32 x 32 outputs once, into shared memory: the
// convolution as a matrix product whose left matrix is gathered while it is loaded (implicit GEMM).
//   y[n,h,w,k] = sum_{r,s,c} x[n, h-1+r, w-1+s, c] * w[k,r,s,c]
//   grid   (pixels / 32) * (K / 32), K fastest      block 32 x 32      smem 8.1 KiB
//   regs   32 (sm_90a), no spills
//   maps                  k 0 .. 31
//                       +---------+ d      thread (i, j) owns the output of pixel i, filter j, and
//                       |  B      |        moves A[i, d = j] and B[d = j, k = i] a step: a warp's
//              d 0..31  +---------+        32 lanes read 64 neighbouring bytes
//            +--------+ +---------+
//     pixels | A      | | (i, j)  |        A is read as [i][d], one address a warp; B as
//     0..31  +--------+ +---------+        [j][d], 33 floats a row: 32 banks for 32 lanes
//
//   counts a step of 32 of depth brings 2 * 32 * 32 values of 2 bytes for 32^3 FMAs: 16 FLOP a byte
//          from L2 or memory, where step 1 has 1. From shared memory 2 loads of 4 bytes an FMA: 8
//          bytes; 2 load instructions for 1 FMA instruction, in 1 cycle of shared memory each.
//   slow   shared memory serves one warp a cycle, the FMA units four: with 2 loads an FMA they wait
//          7 cycles of 8. Tensors come 2 bytes a lane.
//   limits bf16; C % 32 == 0 (a step lies within a tap), K % 32 == 0
//   measured never run on hardware

#include <voluta/examples/ladder/ladder.h>
#include <voluta/core/device/launch.cuh>

namespace voluta::ladder {
namespace {

constexpr int kTile = 32;  // pixels, filters and depth of a tile

__global__ void __launch_bounds__(kTile* kTile)
    conv2d_tiled(const BFloat16* x /* [N,H,W,C] */, const BFloat16* w /* [K,3,3,C] */,
                 BFloat16* y /* [N,H,W,K] */, Extents e) {
  VOLUTA_SHARED(float[kTile][kTile], a);      // [pixel, depth]
  VOLUTA_SHARED(float[kTile][kTile + 1], b);  // [filter, depth]
  const int i = static_cast<int>(threadIdx.y), j = static_cast<int>(threadIdx.x);
  const int block = static_cast<int>(blockIdx.x), filter_tiles = e.k / kTile;
  const int first_filter = block % filter_tiles * kTile;
  const int pixel = block / filter_tiles * kTile + i;
  const int column = pixel % e.w, row = pixel / e.w % e.h;

  float sum = 0.0f;
  for (int tap = 0; tap < kTaps; ++tap) {
    const int dh = tap / 3 - 1, dw = tap % 3 - 1;
    const bool inside = pixel < e.pixels() && row + dh >= 0 && row + dh < e.h && column + dw >= 0 &&
                        column + dw < e.w;
    const BFloat16* from = x + (pixel + dh * e.w + dw) * e.c + j;
    const BFloat16* filter = w + ((first_filter + i) * kTaps + tap) * e.c + j;
    for (int c = 0; c < e.c; c += kTile) {
      a[i][j] = inside ? static_cast<float>(from[c]) : 0.0f;
      b[i][j] = static_cast<float>(filter[c]);
      __syncthreads();
#pragma unroll
      for (int d = 0; d < kTile; ++d) sum = fmaf(a[i][d], b[j][d], sum);
      __syncthreads();
    }
  }
  if (pixel < e.pixels()) y[pixel * e.k + first_filter + j] = BFloat16(sum);
}

Execution prepare(const Problem& problem) {
  const Extents e = extents_of(problem);
  const unsigned tiles = blocks_for(e.pixels(), kTile) * blocks_for(e.k, kTile);
  const LaunchShape shape = {.grid = {tiles, 1, 1}, .block = {kTile, kTile, 1}};
  return {0, [=](const Args& args, Stream& stream) {
            launch(stream, "ladder_tiled", shape, conv2d_tiled, args.in<BFloat16>(0),
                   args.in<BFloat16>(1), args.out<BFloat16>(0), e);
          }};
}

}  // namespace

const Engine kTiled{"tiled", DeviceType::kCuda, EngineRole::kProduct,
                    [](const Problem& problem) { return supports(problem, kTile, kTile); },
                    prepare};

}  // namespace voluta::ladder
