// Step 4, "double_buffered": while a step is multiplied the next one is on its way from global
// memory to registers, and then goes into the other of two buffers.
//   y[n,h,w,k] = sum_{r,s,c} x[n, h-1+r, w-1+s, c] * w[k,r,s,c]
//   grid   (pixels / 128) * (K / 128), K fastest      block 256      smem 33 KiB
//   regs   127 (sm_90a), no spills
//   maps   as in step 3: 8 x 8 outputs a thread
//
//          global   | load 1 | load 2        | load 3        |        one barrier a step, since
//          buffer 0 | store 0, multiply 0    | store 2 ...            what is stored and what is
//          buffer 1 |               store 1, multiply 1 |             read are not the same
//
//   counts FLOP a byte and bytes an FMA are step 3's. One barrier a step for two; the load of the
//          next step has the 8 * 256 cycles of this one's FMAs to arrive.
//   slow   8 registers a thread hold what is on its way: one step ahead and no more. And at 128
//          FMAs a cycle and SM, units that never idle do a sixteenth of what tensor cores do.
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

// The products of one step.
__device__ void multiply(float (&sums)[8][8], const float (*a)[kPitch], const float (*b)[kPitch],
                         int i, int j) {
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
}

// What one thread moves: 8 values of depth of a pixel and of a filter, step by step.
struct Source {
  const BFloat16 *x, *w;
  int pixel, row, column;
  int tap = 0, c = 0;  // of the next step
  uint4 of_a, of_b;    // of the last

  __device__ Source(const BFloat16* x_, const BFloat16* w_, const Extents& e, int pixel_,
                    int filter, int depth)
      : x(x_ + depth), w(w_ + filter * kTaps * e.c + depth), pixel(pixel_) {
    column = pixel % e.w;
    row = pixel < e.pixels() ? pixel / e.w % e.h : -kTaps;  // behind the end: outside of any image
  }

  __device__ void fetch(const Extents& e) {
    const int dh = tap / 3 - 1, dw = tap % 3 - 1;
    const bool inside = row + dh >= 0 && row + dh < e.h && column + dw >= 0 && column + dw < e.w;
    const BFloat16* from = x + (pixel + dh * e.w + dw) * e.c + c;
    of_a = inside ? *reinterpret_cast<const uint4*>(from) : uint4{};
    of_b = *reinterpret_cast<const uint4*>(w + tap * e.c + c);
    c += kDepth;
    if (c < e.c) return;
    c = 0;
    ++tap;
  }
};

__global__ void __launch_bounds__(kThreads, 2)
    conv2d_double_buffered(const BFloat16* x /* [N,H,W,C] */, const BFloat16* w /* [K,3,3,C] */,
                           BFloat16* y /* [N,H,W,K] */, Extents e) {
  VOLUTA_SHARED(float[2][kDepth][kPitch], a);  // [buffer, depth, pixel]
  VOLUTA_SHARED(float[2][kDepth][kPitch], b);  // [buffer, depth, filter]
  const int thread = static_cast<int>(threadIdx.x), i = thread / 16, j = thread % 16;
  const int block = static_cast<int>(blockIdx.x), filter_tiles = e.k / kTile;
  const int first_filter = block % filter_tiles * kTile, first = block / filter_tiles * kTile;

  const int line = thread / 2, depth = thread % 2 * 8;  // of what this thread moves
  Source source(x, w, e, first + line, first_filter + line, depth);
  float sums[8][8] = {};
  source.fetch(e);
  store_column(a[0] + depth, line, source.of_a);
  store_column(b[0] + depth, line, source.of_b);
  __syncthreads();
  const int steps = e.depth() / kDepth;
  for (int step = 0; step < steps; ++step) {
    const int buffer = step % 2;
    const bool more = step + 1 < steps;
    if (more) source.fetch(e);
    multiply(sums, a[buffer], b[buffer], i, j);
    if (more) {  // the other buffer was last read before the previous barrier
      store_column(a[buffer ^ 1] + depth, line, source.of_a);
      store_column(b[buffer ^ 1] + depth, line, source.of_b);
    }
    __syncthreads();
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
            launch(stream, "ladder_double_buffered", shape, conv2d_double_buffered,
                   args.in<BFloat16>(0), args.in<BFloat16>(1), args.out<BFloat16>(0), e);
          }};
}

}  // namespace

const Engine kDoubleBuffered{
    "double_buffered", DeviceType::kCuda, EngineRole::kProduct,
    [](const Problem& problem) { return supports(problem, kDepth, kTile); }, prepare};

}  // namespace voluta::ladder
