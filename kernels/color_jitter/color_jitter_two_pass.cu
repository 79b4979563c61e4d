// color_jitter, algorithm "two_pass": a block a chunk of a picture's pixels. The first kernel sums
// the gray that the contrast needs, chunk by chunk; the second adds a picture's sums in their order
// and changes its pixels.
//   y = changes(x deviation + mean), normalised again                  (color_jitter.h)
//   grid   (N * ceil(H W / 2048)), both kernels     block 256     smem 32 B
//   regs   30-32 (sm_90a)
//   maps   thread t of a chunk: pixels t, t + 256, ..., 2048 in all
//   limits f32; C 1 or 3; below 2^31 elements
//   bound  memory: 4 bytes an element read twice, the second time from the L2 where pictures fit, and
//          4 written, for some 60 operations a pixel
//   measured never run on hardware

#include <voluta/kernels/color_jitter/color_jitter_rules.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/common/reduction.cuh>

#include <algorithm>

namespace voluta::color_jitter {
namespace {

constexpr int kBlock = 256, kChunkPixels = 2048;

// Where a block works: pixels [begin, end) of a picture.
struct Chunk {
  int picture, chunk, begin, end;

  __device__ Chunk(int pixels, int chunks)
      : picture(static_cast<int>(blockIdx.x) / chunks),
        chunk(static_cast<int>(blockIdx.x) % chunks),
        begin(chunk * kChunkPixels),
        end(min(begin + kChunkPixels, pixels)) {}
};

template <int kChannels>
__device__ Pixel<float, kChannels> load_pixel(const float* x, const PixelNormal<float>& normal) {
  Pixel<float, kChannels> p;
#pragma unroll
  for (int c = 0; c < kChannels; ++c) p.value[c] = normal.value(x[c], c);
  return p;
}

// sums [N, chunks]; those of pictures whose contrast stays are not written.
template <int kChannels>
__global__ void __launch_bounds__(kBlock)
    sum_grays(const float* x, const float* factors, const int64_t* order, float* sums, int pixels,
              int chunks, PixelNormal<float> normal) {
  VOLUTA_SHARED(float[kBlock / 32], scratch);
  const Chunk at(pixels, chunks);
  factors += kChanges * int64_t{at.picture};
  order += kChanges * int64_t{at.picture};
  const int contrast = place_of_contrast(order);
  if (contrast == kChanges) return;
  x += int64_t{at.picture} * pixels * kChannels;
  float sum = 0;
  for (int i = at.begin + static_cast<int>(threadIdx.x); i < at.end; i += kBlock) {
    Pixel<float, kChannels> p = load_pixel<kChannels>(x + i * kChannels, normal);
    change_all(p, order, 0, contrast, factors, 0.0f);
    sum += gray(p);
  }
  sum = block_sum_by_warps(sum, scratch);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

template <int kChannels>
__global__ void __launch_bounds__(kBlock)
    change_colors(const float* x, const float* factors, const int64_t* order, const float* sums,
                  float* y, int pixels, int chunks, PixelNormal<float> normal) {
  const Chunk at(pixels, chunks);
  factors += kChanges * int64_t{at.picture};
  order += kChanges * int64_t{at.picture};
  float mean = 0;
  if (place_of_contrast(order) < kChanges) {
    for (int i = 0; i < chunks; ++i) mean += sums[int64_t{at.picture} * chunks + i];
    mean /= static_cast<float>(pixels);
  }
  const int64_t first = int64_t{at.picture} * pixels * kChannels;
  for (int i = at.begin + static_cast<int>(threadIdx.x); i < at.end; i += kBlock) {
    Pixel<float, kChannels> p = load_pixel<kChannels>(x + first + i * kChannels, normal);
    change_all(p, order, 0, kChanges, factors, mean);
#pragma unroll
    for (int c = 0; c < kChannels; ++c) {
      y[first + i * kChannels + c] = normal.normal(p.value[c], c);
    }
  }
}

template <int kChannels>
Execution prepare_channels(const Problem& problem) {
  const Shape& shape = problem.inputs[0].shape;
  const int pixels = static_cast<int>(shape[1] * shape[2]);
  const int chunks = (pixels + kChunkPixels - 1) / kChunkPixels;
  const auto blocks = static_cast<unsigned>(shape[0] * chunks);
  const PixelNormal<float> normal(problem.options_as<PixelNormalization>());
  return {.workspace_bytes = blocks * sizeof(float), .run = [=](const Args& args, Stream& stream) {
            const auto *x = args.in<float>(0), *factors = args.in<float>(1);
            const auto* order = args.in<int64_t>(2);
            auto* sums = static_cast<float*>(args.workspace);
            const LaunchShape shape{.grid = {blocks, 1, 1}, .block = {kBlock, 1, 1}};
            launch(stream, "sum_grays", shape, sum_grays<kChannels>, x, factors, order, sums,
                   pixels, chunks, normal);
            launch(stream, "change_colors", shape, change_colors<kChannels>, x, factors, order,
                   sums, args.out<float>(0), pixels, chunks, normal);
          }};
}

Execution prepare(const Problem& problem) {
  return problem.inputs[0].shape[3] == 1 ? prepare_channels<1>(problem)
                                         : prepare_channels<3>(problem);
}

}  // namespace

const Engine kTwoPass{"two_pass", DeviceType::kCuda, EngineRole::kProduct, supports_f32_int32,
                      prepare};

}  // namespace voluta::color_jitter
