// Step 7, "tma_wgmma": one thread asks for a whole stage, whose addresses and zeros the copy engine
// finds (TMA, im2col mode), and wgmma multiplies it where it lies: no ldmatrix, no fragments.
//   y[n,h,w,k] = sum_{r,s,c} x[n, h-1+r, w-1+s, c] * w[k,r,s,c]
//   grid   (pixels / 128) * (K / 128), K fastest      block 256      smem 3 stages x 32 KiB
//   regs   90 (sm_90a), no spills
//   maps   a tile a block: warpgroup 0 has pixels 0-63, warpgroup 1 pixels 64-127, all 128 filters
//
//            thread 0   | send 0, 1, 2 |          | send 3 |          | send 4
//            all        | wait 0 | multiply 0 | barrier | multiply 1 | barrier ...
//
//   counts a step of 64 of depth is 8 wgmma and 2 copies a block, where step 6 has 512 mma.sync,
//          192 ldmatrix and 64 cp.async. The operands of m64n128k16 are 2 + 4 KiB for 131072 FMAs:
//          0.047 bytes an FMA (step 6: 0.094). 16 of depth read for 96 cycles, and the copies store
//          for 64: 160 for 128 of the tensor cores, 80% (step 6: 50%).
//   slow   the tensor cores idle between the last product of a step and the first of the next: a
//          wait, a barrier, a wait. While a block stores its tile, only another block multiplies.
//          25088 pixels are 196 tiles: 132 SMs have one or two, 74% of them busy in the mean.
//   limits bf16; C % 64 == 0, K % 128 == 0; sm_90a
//   measured never run on hardware

#include <voluta/examples/ladder/ladder.h>
#include <voluta/kernels/conv2d/conv2d_tma_wgmma.h>
#include <voluta/kernels/common/tensor_copy.cuh>
#include <voluta/kernels/common/wgmma.cuh>

namespace voluta::ladder {
namespace {

constexpr int kThreads = 256, kTile = 128, kDepth = 64;  // pixels and filters; of a step
constexpr int kStages = 3;
constexpr int kTileBytes = kTile * kSwizzledRowBytes, kStageBytes = 2 * kTileBytes;
constexpr int kSharedBytes = kStages * (kStageBytes + static_cast<int>(sizeof(Mbarrier)));

// The block's shared memory: stages of a tile of A and one of B, then their barriers.
struct Shared {
  unsigned char* memory;

  __device__ unsigned char* a(int stage) const { return memory + stage * kStageBytes; }
  __device__ unsigned char* b(int stage) const { return a(stage) + kTileBytes; }
  __device__ Mbarrier& full(int stage) const {
    return reinterpret_cast<Mbarrier*>(memory + kStages * kStageBytes)[stage];
  }
};

// Starts the two copies of a step: `first` is the tile's first pixel.
[[maybe_unused]] __device__ void send(const Shared& shared, const TensorMap& x, const TensorMap& w,
                                      const Extents& e, int step, int first, int first_filter) {
  const int channel_steps = e.c / kDepth, stage = step % kStages;
  const int tap = step / channel_steps, c = step % channel_steps * kDepth;
  const int column = first % e.w, row = first / e.w % e.h, n = first / (e.w * e.h);
  arrive_and_expect(shared.full(stage), kStageBytes);
  copy_im2col(shared.a(stage), x, shared.full(stage), c, column - 1, row - 1, n, tap % 3, tap / 3);
  copy_box(shared.b(stage), w, shared.full(stage), c, tap, first_filter);
}

// The products of one step: 64 lines of a, all of b.
template <int kSums>
__device__ void multiply_step(float (&sums)[kSums], const unsigned char* a,
                              const unsigned char* b) {
  const uint64_t of_a = operand_descriptor<Stored::kLineByLine>(a),
                 of_b = operand_descriptor<Stored::kLineByLine>(b);
  fence_products();
#pragma unroll
  for (int i = 0; i < kDepth / 16; ++i) {
    multiply<BFloat16, Stored::kLineByLine, Stored::kLineByLine, kTile>(
        sums, advanced(of_a, i * kWgmmaStepBytes), advanced(of_b, i * kWgmmaStepBytes), true);
  }
  commit_products();
  wait_products<0>(sums);
}

// Two neighbouring results as 32 bits.
[[maybe_unused]] __device__ uint32_t packed(float first, float second) {
  return static_cast<uint32_t>(BFloat16(second).bits) << 16 | BFloat16(first).bits;
}

__global__ void __launch_bounds__(kThreads, 2)
    conv2d_tma_wgmma(const __grid_constant__ TensorMap x, const __grid_constant__ TensorMap w,
                     BFloat16* y /* [N,H,W,K] */, Extents e) {
#ifdef VOLUTA_HAS_WGMMA
  VOLUTA_DYNAMIC_SHARED(unsigned char, memory);
  const Shared shared{memory};
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
  const int block = static_cast<int>(blockIdx.x), filter_tiles = e.k / kTile;
  const int first_filter = block % filter_tiles * kTile, first = block / filter_tiles * kTile;
  const int steps = e.depth() / kDepth;

  if (thread == 0) {
    for (int stage = 0; stage < kStages; ++stage) init_barrier(shared.full(stage), 1);
    publish_barriers();
    for (int step = 0; step < kStages; ++step) {
      send(shared, x, w, e, step, first, first_filter);
    }
  }
  __syncthreads();

  float sums[kTile / 2] = {};
  PipelineStage<kStages> stage;
  for (int step = 0; step < steps; ++step) {
    wait_for_phase(shared.full(stage.index), stage.parity);
    multiply_step(sums, shared.a(stage.index) + warp / 4 * 64 * kSwizzledRowBytes,
                  shared.b(stage.index));
    __syncthreads();  // both warpgroups have read the stage
    if (thread == 0 && step + kStages < steps) {
      send(shared, x, w, e, step + kStages, first, first_filter);
    }
    stage.advance();
  }

#pragma unroll
  for (int i = 0; i < kTile / 4; ++i) {
    const int pixel = first + warp * 16 + i % 2 * 8 + lane / 4;
    const int k = first_filter + i / 2 * 8 + lane % 4 * 2;
    if (pixel < e.pixels()) {
      *reinterpret_cast<uint32_t*>(y + pixel * e.k + k) = packed(sums[2 * i], sums[2 * i + 1]);
    }
  }
#else
  refuse_to_run();
#endif
}

Execution prepare(const Problem& problem) {
  const Extents e = extents_of(problem);
  const TensorMapLayout x =
      tma_wgmma::im2col_map(DType::bf16, e.n, e.c, {-1, 1, e.h, e.h}, {-1, 1, e.w, e.w}, kTile);
  const TensorMapLayout w = tma_wgmma::filter_map(DType::bf16, conv2d_geometry(problem), kTile);
  const unsigned tiles = blocks_for(e.pixels(), kTile) * blocks_for(e.k, kTile);
  const LaunchShape shape = {
      .grid = {tiles, 1, 1}, .block = {kThreads, 1, 1}, .shared_bytes = kSharedBytes};
  return {0, [=](const Args& args, Stream& stream) {
            TensorMapLayout of_x = x, of_w = w;
            of_x.address = args.in<BFloat16>(0);
            of_w.address = args.in<BFloat16>(1);
            launch(stream, "ladder_tma_wgmma", shape, conv2d_tma_wgmma,
                   stream.runtime().encode_tensor_map(of_x),
                   stream.runtime().encode_tensor_map(of_w), args.out<BFloat16>(0), e);
          }};
}

}  // namespace

const Engine kTmaWgmma{"tma_wgmma",
                       DeviceType::kCuda,
                       EngineRole::kProduct,
                       [](const Problem& problem) { return supports(problem, kDepth, kTile); },
                       prepare,
                       Arithmetic::kTensorCore,
                       tma_wgmma::kChips};

}  // namespace voluta::ladder
