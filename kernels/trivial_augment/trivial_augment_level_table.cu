// trivial_augment, algorithm "level_table": for pictures whose change is one of levels a block counts
// the levels, where they matter, and writes the table of what becomes of each; a second kernel, a block a
// chunk of a picture's pixels, looks them up, or changes or moves pixels itself.
//   y = table[c][level of x]  |  changed pixel  |  x[a h + b w + d]          (trivial_augment.h)
//   grid   (N), block 1024, smem 3.1 KiB; (N * ceil(H W / 2048)), block 256, smem 0
//   regs   30-32, then 40-48 (sm_90a)
//   maps   thread t counts pixels t, t + 1024, ...; thread t < C makes the facts of channel t, thread
//          t < 256 the values of level t. Of a chunk thread t has pixels t, t + 256, ..., 2048 in all
//   limits f32; C 1 or 3; below 2^31 elements
//   bound  memory: 4 bytes an element read and written, 3 of 14 pictures read twice
//   measured never run on hardware

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/trivial_augment/trivial_augment_rules.h>
#include <voluta/core/device/launch.cuh>

namespace voluta::trivial_augment {
namespace {

constexpr int kTableBlock = 1024, kBlock = 256, kChunkPixels = 2048;

template <int kChannels>
struct Tensors {
  const float* x;          // [N,H,W,C]
  const int64_t* changes;  // [N]
  const float* factors;    // [N]
  const int64_t* affine;   // [N,6]
  float* tables;           // [N,C,kLevels], the rows of changes by table alone
  float* y;                // [N,H,W,C]
  Picture<float, kChannels> first;

  __device__ Picture<float, kChannels> picture(int n) const {
    Picture<float, kChannels> of = first;
    of.x += n * of.height * of.width * kChannels;
    return of;
  }
  __device__ float* table(int n, int c) const {
    return tables + (int64_t{n} * kChannels + c) * kLevels;
  }
};

template <int kChannels>
__device__ void count_levels(const Picture<float, kChannels>& picture,
                             uint32_t (*counts)[kLevels]) {
  const int pixels = static_cast<int>(picture.height * picture.width);
  for (int i = static_cast<int>(threadIdx.x); i < pixels; i += kTableBlock) {
#pragma unroll
    for (int c = 0; c < kChannels; ++c) {
      atomicAdd(&counts[c][picture.level(picture.x + int64_t{i} * kChannels, c)], 1u);
    }
  }
}

template <int kChannels>
__global__ void __launch_bounds__(kTableBlock) make_tables(Tensors<kChannels> of) {
  VOLUTA_SHARED(uint32_t[kChannels][kLevels], counts);
  VOLUTA_SHARED(LevelFacts[kChannels], facts);
  const int n = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  const PictureChange change{of.changes[n]};
  if (!is_table(change)) return;
  const Picture<float, kChannels> picture = of.picture(n);
  for (int c = 0; c < kChannels && thread < kLevels; ++c) counts[c][thread] = 0;
  __syncthreads();
  if (counts_levels(change)) count_levels(picture, counts);
  __syncthreads();
  if (thread < kChannels) facts[thread] = take_facts(counts[thread]);
  __syncthreads();
  if (thread >= kLevels) return;
  const float mean = mean_gray<float, kChannels>(facts, picture.height * picture.width);
  for (int c = 0; c < kChannels; ++c) {
    const float value =
        changed_level(change, of.factors[n], thread, facts[c], counts[c][thread], mean);
    of.table(n, c)[thread] = picture.normal.normal(value, c);
  }
}

// Pixel `at` of picture n; y [kChannels].
template <int kChannels>
__device__ void change_pixel(const Tensors<kChannels>& of, const Picture<float, kChannels>& picture,
                             int n, PictureChange change, const Place& at, float* y) {
  const float* x = picture.element(at);
  if (change == PictureChange::kIdentity) {
    for (int c = 0; c < kChannels; ++c) y[c] = x[c];
  } else if (change == PictureChange::kAffine) {
    const Place source = source_of(of.affine + int64_t{6} * n, at.row, at.column);
    const bool inside = picture.holds(source);
    for (int c = 0; c < kChannels; ++c) {
      y[c] = inside ? picture.element(source)[c] : picture.normal.normal(0.0f, c);
    }
  } else if (is_table(change)) {
    for (int c = 0; c < kChannels; ++c) y[c] = of.table(n, c)[picture.level(x, c)];
  } else {
    const Pixel<float, kChannels> p = picture.changed(at, change, of.factors[n]);
    for (int c = 0; c < kChannels; ++c) y[c] = picture.normal.normal(p.value[c], c);
  }
}

template <int kChannels>
__global__ void __launch_bounds__(kBlock) change_pictures(Tensors<kChannels> of, int chunks) {
  const int n = static_cast<int>(blockIdx.x) / chunks;
  const int begin = static_cast<int>(blockIdx.x) % chunks * kChunkPixels;
  const Picture<float, kChannels> picture = of.picture(n);
  const int width = static_cast<int>(picture.width);
  const int pixels = static_cast<int>(picture.height) * width;
  const int end = min(begin + kChunkPixels, pixels);
  const PictureChange change{of.changes[n]};
  for (int i = begin + static_cast<int>(threadIdx.x); i < end; i += kBlock) {
    const Place at{i / width, i % width};
    change_pixel(of, picture, n, change, at, of.y + (int64_t{n} * pixels + i) * kChannels);
  }
}

template <int kChannels>
Execution prepare_channels(const Problem& problem) {
  const Shape shape = problem.inputs[0].shape;
  const auto pictures = static_cast<unsigned>(shape[0]);
  const int chunks = static_cast<int>((shape[1] * shape[2] + kChunkPixels - 1) / kChunkPixels);
  const PixelNormal<float> normal(problem.options_as<PixelNormalization>());
  return {.workspace_bytes = pictures * kChannels * kLevels * sizeof(float),
          .run = [=](const Args& args, Stream& stream) {
            const auto* x = args.in<float>(0);
            const Tensors<kChannels> of{x,
                                        args.in<int64_t>(1),
                                        args.in<float>(2),
                                        args.in<int64_t>(3),
                                        static_cast<float*>(args.workspace),
                                        args.out<float>(0),
                                        {x, shape[1], shape[2], normal}};
            launch(stream, "make_tables", {.grid = {pictures, 1, 1}, .block = {kTableBlock, 1, 1}},
                   make_tables<kChannels>, of);
            launch(
                stream, "change_pictures",
                {.grid = {pictures * static_cast<unsigned>(chunks), 1, 1}, .block = {kBlock, 1, 1}},
                change_pictures<kChannels>, of, chunks);
          }};
}

Execution prepare(const Problem& problem) {
  return problem.inputs[0].shape[3] == 1 ? prepare_channels<1>(problem)
                                         : prepare_channels<3>(problem);
}

}  // namespace

const Engine kLevelTable{"level_table", DeviceType::kCuda, EngineRole::kProduct, supports_f32_int32,
                         prepare};

}  // namespace voluta::trivial_augment
