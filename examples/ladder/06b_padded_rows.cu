// Step 6b, "padded_rows": step 6 with rows of 9 chunks in place of the swizzle. It does not
// help and is kept because padding is what one tries first against bank conflicts.
//   y[n,h,w,k] = sum_{r,s,c} x[n, h-1+r, w-1+s, c] * w[k,r,s,c]
//   grid   (pixels / 128) * (K / 128), K fastest      block 256      smem 3 stages x 36 KiB
//   regs   126 (sm_90a), no spills
//   maps   as in step 6, but chunk j of row i lies at 9 i + j: 144 bytes, 36 banks further a row
//
//            row 0 | 0 1 2 3 4 5 6 7 |     eight rows start 4 banks apart: 0 4 8 .. 28
//            row 1 | - 0 1 2 3 4 5 6 |
//            row 2 | 7 - 0 1 2 3 4 5 |
//
//   counts the conflicts of ldmatrix and of the copies are step 6's: none. The memory is not: 4 KiB
//          more a stage for nothing. Alone on an SM a block has 6 stages where step 6 has 7.
//          An XOR an address is saved, outside the loop of products.
//   slow   what step 6 is slow at; and neither the copy engine nor wgmma (step 7) reads such rows.
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
using Tile = uint4[kTile][kChunks + 1];             // [line, depth / 8], padded

struct Stage {
  Tile a, b;
};

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
      copy_async<16>(&to.a[line(i)][chunk()], from, present ? 16 : 0);
      copy_async<16>(&to.b[line(i)][chunk()], w + i * kApart * e.depth() + tap * e.c + c);
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
      load_matrices(of_a[i], &a[line][chunk + lane / 16]);
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
    conv2d_padded_rows(const BFloat16* x /* [N,H,W,C] */, const BFloat16* w /* [K,3,3,C] */,
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
            launch(stream, "ladder_padded_rows", shape, conv2d_padded_rows, args.in<BFloat16>(0),
                   args.in<BFloat16>(1), args.out<BFloat16>(0), e);
          }};
}

}  // namespace

const Engine kPaddedRows{"padded_rows",
                         DeviceType::kCuda,
                         EngineRole::kProduct,
                         [](const Problem& problem) { return supports(problem, kDepth, kTile); },
                         prepare,
                         Arithmetic::kTensorCore,
                         {.from = 80}};

}  // namespace voluta::ladder
