// Step 1, "naive": a thread an output, straight from the formula.
//   y[n,h,w,k] = sum_{r,s,c} x[n, h-1+r, w-1+s, c] * w[k,r,s,c]
//   grid   outputs / 256      block 256      smem none      regs 29 (sm_90a), no spills
//   maps   neighbouring threads own neighbouring k of one pixel:
//
//            lane     0          1                31
//            x     [pixel, c] the same for all lanes: 1 sector of 32 bytes
//            w     [k, d]   [k+1, d]   ...   [k+31, d]     9*C*2 bytes apart: 32 sectors
//
//   counts 2 loads of 2 bytes an FMA: 64 FLOP for the 66 bytes that a warp uses. They are 33
//          sectors, 32 of them in 32 lines of L1. A sector holds 16 channels: 15 of 16 times it is
//          in L1, if it stayed there; the lines that a warp walks are 4 KiB, of 64 warps 256 KiB.
//   slow   L1 moves a kilobyte so that 66 bytes are used. No operand stays in a register: each of
//          the 2*9*C of an output is fetched for it alone.
//   limits bf16
//   measured never run on hardware

#include <voluta/examples/ladder/ladder.h>
#include <voluta/core/device/launch.cuh>

namespace voluta::ladder {
namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    conv2d_naive(const BFloat16* x /* [N,H,W,C] */, const BFloat16* w /* [K,3,3,C] */,
                 BFloat16* y /* [N,H,W,K] */, Extents e) {
  const int64_t index = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (index >= int64_t{e.pixels()} * e.k) return;
  const int k = static_cast<int>(index % e.k), pixel = static_cast<int>(index / e.k);
  const int column = pixel % e.w, row = pixel / e.w % e.h;

  float sum = 0.0f;
  for (int tap = 0; tap < kTaps; ++tap) {
    const int dh = tap / 3 - 1, dw = tap % 3 - 1;
    const bool inside = row + dh >= 0 && row + dh < e.h && column + dw >= 0 && column + dw < e.w;
    if (!inside) continue;
    const BFloat16* from = x + (pixel + dh * e.w + dw) * e.c;
    const BFloat16* filter = w + (k * kTaps + tap) * e.c;
    for (int c = 0; c < e.c; ++c) {
      sum = fmaf(static_cast<float>(from[c]), static_cast<float>(filter[c]), sum);
    }
  }
  y[index] = BFloat16(sum);
}

Execution prepare(const Problem& problem) {
  const Extents e = extents_of(problem);
  const unsigned blocks = blocks_for(int64_t{e.pixels()} * e.k, kThreads);
  return {0, [=](const Args& args, Stream& stream) {
            launch(stream, "ladder_naive", {.grid = {blocks, 1, 1}, .block = {kThreads, 1, 1}},
                   conv2d_naive, args.in<BFloat16>(0), args.in<BFloat16>(1), args.out<BFloat16>(0),
                   e);
          }};
}

}  // namespace

const Engine kNaive{"naive", DeviceType::kCuda, EngineRole::kProduct,
                    [](const Problem& problem) { return supports(problem, 1, 1); }, prepare};

}  // namespace voluta::ladder
