// Step 3, "register_tiles": a thread owns 8 x 8 outputs, so that each value it reads from shared
// memory serves eight FMAs; 16 bytes an access, in global and in shared memory.
//   y[n,h,w,k] = sum_{r,s,c} x[n, h-1+r, w-1+s, c] * w[k,r,s,c]
//   grid   (pixels / 128) * (K / 128), K fastest      block 256      smem 16.5 KiB
//   regs   127 (sm_90a), no spills
//   maps   16 x 16 threads; thread (i, j) owns the outputs where its rows 4i..4i+3, 64+4i..64+4i+3
//          cross its columns 4j..4j+3, 64+4j..64+4j+3:
//                k    0       64      127
//          pixel  0   | (i,j) : (i,j) |     A warp reads 2 x 16 bytes of A (broadcast) and
//                64   | (i,j) : (i,j) |     16 x 16 bytes of B, next to each other: no conflicts.
//
//   loads  thread t moves 8 values of depth, 16 bytes, of line t/2 of A and of B, and stores them
//          widened to f32, transposed: [depth, line], 132 floats a row. Two halves of a line lie
//          8 rows apart, 8 * 132 = 0 mod 32 banks: the stores meet in pairs (two-way conflicts).
//   counts a step of 16 of depth brings 2 * 128 * 16 * 2 bytes for 128 * 128 * 16 FMAs: 64 FLOP a
//          byte (step 2: 16). From shared memory 16 floats for 64 FMAs: 1 byte an FMA (step 2: 8);
//          4 loads of 16 bytes for 64 FMAs: 94 of 100 instructions of the inner loop are FMAs.
//          A warp's step keeps the FMA units busy for 256 cycles, shared memory for 96 + 32
//          at least.
//   slow   between the two barriers of a step nothing is multiplied: each step waits for global
//          memory, and only another block on the SM could fill the gap (two fit).
//   limits bf16; C % 16 == 0, K % 128 == 0
//   measured never run on hardware

#include <voluta/examples/ladder/ladder.h>
#include <voluta/core/device/launch.cuh>

namespace voluta::ladder {
namespace {

constexpr int kThreads = 256, kTile = 128, kDepth = 16;  // pixels and filters; of a step
constexpr int kPitch = kTile + 4;                        // keeps rows aligned to 16 bytes

// The two f32 in 32 bits of bf16, the first in the low half.
__device__ void widen(uint32_t pair, float& first, float& second) {
  first = __uint_as_float(pair << 16);
  second = __uint_as_float(pair & 0xffff0000u);
}

__device__ void store_column(float (*tile)[kPitch], int line, const uint4& held) {
  const uint32_t pairs[] = {held.x, held.y, held.z, held.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) widen(pairs[i], tile[2 * i][line], tile[2 * i + 1][line]);
}

__device__ void load_quads(const float* row, int at, float (&values)[8]) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float4 quad = *reinterpret_cast<const float4*>(row + half * 64 + at * 4);
    values[half * 4 + 0] = quad.x;
    values[half * 4 + 1] = quad.y;
    values[half * 4 + 2] = quad.z;
    values[half * 4 + 3] = quad.w;
  }
}

__global__ void __launch_bounds__(kThreads, 2)
    conv2d_register_tiles(const BFloat16* x /* [N,H,W,C] */, const BFloat16* w /* [K,3,3,C] */,
                          BFloat16* y /* [N,H,W,K] */, Extents e) {
  VOLUTA_SHARED(float[kDepth][kPitch], a);  // [depth, pixel]
  VOLUTA_SHARED(float[kDepth][kPitch], b);  // [depth, filter]
  const int thread = static_cast<int>(threadIdx.x), i = thread / 16, j = thread % 16;
  const int block = static_cast<int>(blockIdx.x), filter_tiles = e.k / kTile;
  const int first_filter = block % filter_tiles * kTile, first = block / filter_tiles * kTile;

  const int line = thread / 2, depth = thread % 2 * 8;  // of what this thread moves
  const int pixel = first + line, column = pixel % e.w, row = pixel / e.w % e.h;
  float sums[8][8] = {};
  for (int tap = 0; tap < kTaps; ++tap) {
    const int dh = tap / 3 - 1, dw = tap % 3 - 1;
    const bool inside = pixel < e.pixels() && row + dh >= 0 && row + dh < e.h && column + dw >= 0 &&
                        column + dw < e.w;
    const BFloat16* from = x + (pixel + dh * e.w + dw) * e.c + depth;
    const BFloat16* filter = w + ((first_filter + line) * kTaps + tap) * e.c + depth;
    for (int c = 0; c < e.c; c += kDepth) {
      const uint4 of_a = inside ? *reinterpret_cast<const uint4*>(from + c) : uint4{};
      const uint4 of_b = *reinterpret_cast<const uint4*>(filter + c);
      store_column(a + depth, line, of_a);
      store_column(b + depth, line, of_b);
      __syncthreads();
#pragma unroll
      for (int d = 0; d < kDepth; ++d) {
        float rows[8], columns[8];
        load_quads(a[d], i, rows);
        load_quads(b[d], j, columns);
#pragma unroll
        for (int m = 0; m < 64; ++m) {
          sums[m / 8][m % 8] = fmaf(rows[m / 8], columns[m % 8], sums[m / 8][m % 8]);
        }
      }
      __syncthreads();
    }
  }
#pragma unroll
  for (int m = 0; m < 64; ++m) {
    const int to = first + m / 32 * 64 + i * 4 + m / 8 % 4, k = m % 8 / 4 * 64 + j * 4 + m % 4;
    if (to < e.pixels()) y[to * e.k + first_filter + k] = BFloat16(sums[m / 8][m % 8]);
  }
}

Execution prepare(const Problem& problem) {
  const Extents e = extents_of(problem);
  const unsigned tiles = blocks_for(e.pixels(), kTile) * blocks_for(e.k, kTile);
  const LaunchShape shape = {.grid = {tiles, 1, 1}, .block = {kThreads, 1, 1}};
  return {0, [=](const Args& args, Stream& stream) {
            launch(stream, "ladder_register_tiles", shape, conv2d_register_tiles,
                   args.in<BFloat16>(0), args.in<BFloat16>(1), args.out<BFloat16>(0), e);
          }};
}

}  // namespace

const Engine kRegisterTiles{"register_tiles", DeviceType::kCuda, EngineRole::kProduct,
                            [](const Problem& problem) { return supports(problem, kDepth, kTile); },
                            prepare};

}  // namespace voluta::ladder
