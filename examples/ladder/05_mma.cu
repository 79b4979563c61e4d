// Step 5, "mma": tensor cores. A warp multiplies 16 x 8 x 16 in one mma.sync; its operands stay
// bf16 and come from shared memory by ldmatrix, in the order in which the tensor cores want them.
//   y[n,h,w,k] = sum_{r,s,c} x[n, h-1+r, w-1+s, c] * w[k,r,s,c]
//   grid   (pixels / 128) * (K / 128), K fastest      block 256      smem 2 x 16 KiB
//   regs   124 (sm_90a), no spills
//   maps                 k  0     32     64     96    127     8 warps, 64 x 32 outputs each:
//                 pixel  0  | warp 0 | 1    | 2    | 3    |   4 x 4 products of 16 x 8
//                       64  | warp 4 | 5    | 6    | 7    |   a step of 16 of depth
//
//          shared rows are 32 of depth, 64 bytes: 4 chunks of 16 bytes, which a thread moves whole
//   counts an mma.sync is 2048 FMAs, a warp's fmaf 32. For 16 of depth a warp issues 16 of them
//          and 6 ldmatrix: 22 instructions for 65536 FLOP; step 4 takes 1088 for as many. 3 KiB
//          from shared memory for 32768 FMAs: 0.094 bytes an FMA (step 4: 1).
//   slow   a matrix of ldmatrix is 8 rows of 16 bytes, 64 bytes apart: they start in two of eight
//          places among the banks, so four rows meet (four-way conflicts). A step of 16 of depth
//          reads for 8 * 96 cycles and stores for 64; the tensor cores need 128 of these 832.
//   limits bf16; C % 32 == 0, K % 128 == 0; sm_80
//   measured never run on hardware

#include <voluta/examples/ladder/ladder.h>
#include <voluta/kernels/common/tensor_core.cuh>

namespace voluta::ladder {
namespace {

constexpr int kThreads = 256, kTile = 128, kDepth = 32;  // pixels and filters; of a step
constexpr int kChunks = kDepth / 8;                      // of 16 bytes, in a row of a tile
constexpr int kMoved = kTile * kChunks / kThreads;       // chunks of a tile that a thread moves
using Tile = uint4[kTile][kChunks];                      // [line, depth / 8]

// What one thread moves, step by step: chunk thread % kChunks of each kThreads / kChunks lines.
struct Source {
  const BFloat16 *x, *w;
  int pixel[kMoved], row[kMoved], column[kMoved];
  int tap = 0, c = 0;  // of the next step
  uint4 of_a[kMoved], of_b[kMoved];

  __device__ static int line(int i) {
    return (static_cast<int>(threadIdx.x) + i * kThreads) / kChunks;
  }
  __device__ static int chunk() { return static_cast<int>(threadIdx.x) % kChunks; }

  __device__ Source(const BFloat16* x_, const BFloat16* w_, const Extents& e, int first,
                    int first_filter)
      : x(x_ + chunk() * 8), w(w_ + first_filter * e.depth() + chunk() * 8) {
#pragma unroll
    for (int i = 0; i < kMoved; ++i) {
      pixel[i] = first + line(i);
      column[i] = pixel[i] % e.w;
      row[i] = pixel[i] < e.pixels() ? pixel[i] / e.w % e.h : -kTaps;  // behind the end: outside
    }
  }

  __device__ void fetch(const Extents& e) {
    const int dh = tap / 3 - 1, dw = tap % 3 - 1;
#pragma unroll
    for (int i = 0; i < kMoved; ++i) {
      const int h = row[i] + dh, at = column[i] + dw;
      const bool inside = h >= 0 && h < e.h && at >= 0 && at < e.w;
      const BFloat16* from = x + (pixel[i] + dh * e.w + dw) * e.c + c;
      of_a[i] = inside ? *reinterpret_cast<const uint4*>(from) : uint4{};
      of_b[i] = *reinterpret_cast<const uint4*>(w + line(i) * e.depth() + tap * e.c + c);
    }
    c += kDepth;
    if (c < e.c) return;
    c = 0;
    ++tap;
  }

  __device__ void store(Tile& a, Tile& b) const {
#pragma unroll
    for (int i = 0; i < kMoved; ++i) {
      a[line(i)][chunk()] = of_a[i];
      b[line(i)][chunk()] = of_b[i];
    }
  }
};

// The products of one step: 64 lines of a from first_a on, 32 of b from first_b on.
__device__ void multiply(float (&sums)[4][4][4], const Tile& a, const Tile& b, int first_a,
                         int first_b) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int chunk = 0; chunk < kChunks; chunk += 2) {
    uint32_t of_a[4][4], of_b[2][4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      load_matrices(of_a[i], &a[first_a + i * 16 + lane % 16][chunk + lane / 16]);
    }
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const int line = first_b + j * 16 + lane / 16 * 8 + lane % 8;
      load_matrices(of_b[j], &b[line][chunk + lane / 8 % 2]);
    }
#pragma unroll
    for (int m = 0; m < 16; ++m) {
      const int i = m / 4, j = m % 4;
      const uint32_t columns[2] = {of_b[j / 2][j % 2 * 2], of_b[j / 2][j % 2 * 2 + 1]};
      mma_bf16(sums[i][j], of_a[i], columns);
    }
  }
}

// Two neighbouring results as 32 bits.
__device__ uint32_t packed(float first, float second) {
  return static_cast<uint32_t>(BFloat16(second).bits) << 16 | BFloat16(first).bits;
}

__global__ void __launch_bounds__(kThreads, 2)
    conv2d_mma(const BFloat16* x /* [N,H,W,C] */, const BFloat16* w /* [K,3,3,C] */,
               BFloat16* y /* [N,H,W,K] */, Extents e) {
  VOLUTA_SHARED(Tile[2], a);
  VOLUTA_SHARED(Tile[2], b);
  const int block = static_cast<int>(blockIdx.x), filter_tiles = e.k / kTile;
  const int first_filter = block % filter_tiles * kTile, first = block / filter_tiles * kTile;
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int warp_pixels = warp / 4 * 64, warp_filters = warp % 4 * 32;

  Source source(x, w, e, first, first_filter);
  float sums[4][4][4] = {};
  source.fetch(e);
  source.store(a[0], b[0]);
  __syncthreads();
  const int steps = e.depth() / kDepth;
  for (int step = 0; step < steps; ++step) {
    const int buffer = step % 2;
    const bool more = step + 1 < steps;
    if (more) source.fetch(e);
    multiply(sums, a[buffer], b[buffer], warp_pixels, warp_filters);
    if (more) source.store(a[buffer ^ 1], b[buffer ^ 1]);
    __syncthreads();
  }

#pragma unroll
  for (int m = 0; m < 32; ++m) {
    const int i = m / 8, j = m / 2 % 4, half = m % 2;
    const int pixel = first + warp_pixels + i * 16 + half * 8 + lane / 4;
    const int k = first_filter + warp_filters + j * 8 + lane % 4 * 2;
    const float* pair = &sums[i][j][half * 2];
    if (pixel < e.pixels()) {
      *reinterpret_cast<uint32_t*>(y + pixel * e.k + k) = packed(pair[0], pair[1]);
    }
  }
}

Execution prepare(const Problem& problem) {
  const Extents e = extents_of(problem);
  const unsigned tiles = blocks_for(e.pixels(), kTile) * blocks_for(e.k, kTile);
  const LaunchShape shape = {.grid = {tiles, 1, 1}, .block = {kThreads, 1, 1}};
  return {0, [=](const Args& args, Stream& stream) {
            launch(stream, "ladder_mma", shape, conv2d_mma, args.in<BFloat16>(0),
                   args.in<BFloat16>(1), args.out<BFloat16>(0), e);
          }};
}

}  // namespace

const Engine kMma{"mma",
                  DeviceType::kCuda,
                  EngineRole::kProduct,
                  [](const Problem& problem) { return supports(problem, kDepth, kTile); },
                  prepare,
                  Arithmetic::kTensorCore,
                  {.from = 80}};

}  // namespace voluta::ladder
