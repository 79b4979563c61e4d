// Step 6, "multi_stage": copies from global to shared memory that no register sees (cp.async), two
// steps ahead, into rows whose chunks are swizzled so that ldmatrix meets no bank twice.
//   y[n,h,w,k] = sum_{r,s,c} x[n, h-1+r, w-1+s, c] * w[k,r,s,c]
//   grid   (pixels / 128) * (K / 128), K fastest      block 256      smem 3 stages x 32 KiB
//   regs   126 (sm_90a), no spills
//   maps   as in step 5. Rows are 64 of depth, 128 bytes, all banks once; row i holds chunk j at
//          j ^ (i % 8), so that one chunk of eight rows lies in eight different places:
//
//            row 0 | 0 1 2 3 4 5 6 7 |      stage 0 | copy 0 |        | multiply 0 | copy 3 ...
//            row 1 | 1 0 3 2 5 4 7 6 |      stage 1 |   copy 1 |                   | multiply 1
//            row 2 | 2 3 0 1 6 7 4 5 |      stage 2 |     copy 2  .................| ...
//
//   counts ldmatrix: 4 cycles for 4 matrices (step 5: 16). 16 of depth read for 8 * 24 cycles and
//          store for 64: 256 for 128 of the tensor cores, 50% (step 5: 15%). Half the barriers.
//          64 KiB a block are on their way or wait, none in registers; in step 5 16 KiB, all there.
//   slow   every 16 bytes are an instruction with an address of its own: 8 cp.async a thread a step
//          and the arithmetic of the taps, by threads that should feed the tensor cores.
//   limits bf16; C % 64 == 0, K % 128 == 0; sm_80
//   measured never run on hardware

#include <voluta/examples/ladder/ladder.h>
#include <voluta/kernels/common/async_copy.cuh>
#include <voluta/kernels/common/tensor_core.cuh>

namespace voluta::ladder {
namespace {

constexpr int kThreads = 256, kTile = 128, kDepth = 64;  // pixels and filters; of a step
constexpr int kStages = 3;
constexpr int kChunks = kDepth / 8;                 // of 16 bytes, in a row of a tile
constexpr int kMoved = kTile * kChunks / kThreads;  // chunks of a tile that a thread moves
using Tile = uint4[kTile][kChunks];                 // [line, depth / 8], swizzled

struct Stage {
  Tile a, b;
};

__device__ int swizzled(int line, int chunk) {
  return chunk ^ (line % 8);
}

// What one thread moves, step by step: chunk thread % kChunks of every kApart-th line. Which taps
// of a pixel lie inside the image is nine bits, found once.
struct Source {
  static constexpr int kApart = kThreads / kChunks;
  const BFloat16 *x, *w;
  int pixel;  // of the first line
  uint32_t inside[kMoved];
  int tap = 0, c = 0;  // of the next step

  __device__ static int line(int i) { return static_cast<int>(threadIdx.x) / kChunks + i * kApart; }
  __device__ static int chunk() { return static_cast<int>(threadIdx.x) % kChunks; }

  __device__ Source(const BFloat16* x_, const BFloat16* w_, const Extents& e, int first,
                    int first_filter)
      : x(x_ + chunk() * 8),
        w(w_ + (first_filter + line(0)) * e.depth() + chunk() * 8),
        pixel(first + line(0)) {
#pragma unroll
    for (int i = 0; i < kMoved; ++i) inside[i] = taps_inside(e, pixel + i * kApart);
  }

  // Starts the copies of the next step.
  __device__ void send(const Extents& e, Stage& to) {
    const int moved = (tap / 3 - 1) * e.w + tap % 3 - 1;  // pixels, by the tap
#pragma unroll
    for (int i = 0; i < kMoved; ++i) {
      const bool present = inside[i] >> tap & 1;
      const BFloat16* from = present ? x + (pixel + i * kApart + moved) * e.c + c : x;
      const int place = swizzled(line(i), chunk());
      copy_async<16>(&to.a[line(i)][place], from, present ? 16 : 0);
      copy_async<16>(&to.b[line(i)][place], w + i * kApart * e.depth() + tap * e.c + c);
    }
    c += kDepth;
    if (c < e.c) return;
    c = 0;
    ++tap;
  }

 private:
  __device__ static uint32_t taps_inside(const Extents& e, int pixel) {
    const int column = pixel % e.w, row = pixel / e.w % e.h;
    uint32_t bits = 0;
    for (int tap = 0; tap < kTaps && pixel < e.pixels(); ++tap) {
      const int h = row + tap / 3 - 1, at = column + tap % 3 - 1;
      bits |= static_cast<uint32_t>(h >= 0 && h < e.h && at >= 0 && at < e.w) << tap;
    }
    return bits;
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
      const int line = first_a + i * 16 + lane % 16;
      load_matrices(of_a[i], &a[line][swizzled(line, chunk + lane / 16)]);
    }
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const int line = first_b + j * 16 + lane / 16 * 8 + lane % 8;
      load_matrices(of_b[j], &b[line][swizzled(line, chunk + lane / 8 % 2)]);
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
    conv2d_multi_stage(const BFloat16* x /* [N,H,W,C] */, const BFloat16* w /* [K,3,3,C] */,
                       BFloat16* y /* [N,H,W,K] */, Extents e) {
  VOLUTA_DYNAMIC_SHARED(Stage, stages);
  const int block = static_cast<int>(blockIdx.x), filter_tiles = e.k / kTile;
  const int first_filter = block % filter_tiles * kTile, first = block / filter_tiles * kTile;
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int warp_pixels = warp / 4 * 64, warp_filters = warp % 4 * 32;

  Source source(x, w, e, first, first_filter);
  float sums[4][4][4] = {};
  const int steps = e.depth() / kDepth;
#pragma unroll
  for (int step = 0; step < kStages - 1; ++step) {
    source.send(e, stages[step]);
    commit_copies();
  }
  int filled = kStages - 1, read = 0;  // stages of the ring
  for (int step = 0; step < steps; ++step) {
    wait_copies<kStages - 2>();
    __syncthreads();  // copies of all threads; and the stage filled next has been multiplied
    if (step + kStages - 1 < steps) source.send(e, stages[filled]);
    commit_copies();  // a group a step, empty at the end
    multiply(sums, stages[read].a, stages[read].b, warp_pixels, warp_filters);
    filled = filled + 1 < kStages ? filled + 1 : 0;
    read = read + 1 < kStages ? read + 1 : 0;
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
  const LaunchShape shape = {
      .grid = {tiles, 1, 1}, .block = {kThreads, 1, 1}, .shared_bytes = kStages * sizeof(Stage)};
  return {0, [=](const Args& args, Stream& stream) {
            launch(stream, "ladder_multi_stage", shape, conv2d_multi_stage, args.in<BFloat16>(0),
                   args.in<BFloat16>(1), args.out<BFloat16>(0), e);
          }};
}

}  // namespace

const Engine kMultiStage{"multi_stage",
                         DeviceType::kCuda,
                         EngineRole::kProduct,
                         [](const Problem& problem) { return supports(problem, kDepth, kTile); },
                         prepare,
                         Arithmetic::kTensorCore,
                         {.from = 80}};

}  // namespace voluta::ladder
