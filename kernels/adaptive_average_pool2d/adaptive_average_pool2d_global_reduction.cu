// adaptive_average_pool2d to 1 x 1, algorithm "global_reduction": a block sums all H*W pixels of
// one picture for 128 bytes of neighbouring channels, a row of threads a pixel; the rows' sums meet in
// shared memory in a tree, so the order is fixed.
//   y[n,c] = (1/(H*W)) sum over the pixels of x[n,pixel,c]
//   grid   (tiles of channels, min(N, 65535))     block 256     smem 4 KiB, of 16 bits 8     regs 44 (sm_90a)
//          C = 2048: 64 tiles of 8 groups of four, 32 pixels at a time
//   maps   thread t: group of channels t % width of the tile, pixels t / width + 0, 256/width, ...
//            | pixel 0: t0 .. t7 | pixel 1: t8 .. t15 | ... | pixel 31: t248 .. t255 |
//          picture n = blockIdx.y, then + gridDim.y, ...
//   limits f32, bf16, f16; fewer than 2^31 elements, P = Q = 1
//   measured none: no GPU yet

#include <voluta/kernels/adaptive_average_pool2d/adaptive_average_pool2d_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/common/channel_tiles.cuh>
#include <voluta/kernels/common/reduction.cuh>

namespace voluta {
namespace {

constexpr int64_t kLine = 128;            // bytes that one access of a row touches
constexpr int64_t kMostPictures = 65535;  // the limit of gridDim.y

// x [pictures, pixels, groups * kWidth] -> y [pictures, groups * kWidth].
template <int kWidth, class T>
__global__ void adaptive_average_pool2d_global_reduction(const T* x, T* y, int pictures, int pixels,
                                                         unsigned groups, unsigned width) {
  VOLUTA_SHARED(Floats<kWidth>[kTileBlock], sums);  // [rows at once, width]
  const TileThread at(groups, width);
  const auto pixels_at_once = static_cast<int>(at.rows_at_once);
  for (int n = static_cast<int>(blockIdx.y); n < pictures; n += static_cast<int>(gridDim.y)) {
    Floats<kWidth> sum{};
    const int first = at.active ? static_cast<int>(at.row) : pixels;
#pragma unroll 4
    for (int pixel = first; pixel < pixels; pixel += pixels_at_once) {
      const int64_t place = int64_t{n} * pixels + pixel;
      const Floats<kWidth> value = load<kWidth>(x, place * groups + at.group);
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) sum.lane[lane] += value.lane[lane];
    }
    sums[threadIdx.x] = sum;
    block_join_rows(static_cast<Floats<kWidth>*>(sums), at.rows_at_once, width,
                    [](Floats<kWidth>& mine, const Floats<kWidth>& other) {
#pragma unroll
                      for (int lane = 0; lane < kWidth; ++lane) mine.lane[lane] += other.lane[lane];
                    });
    if (at.row != 0 || !at.active) continue;
    Floats<kWidth> mean = sums[threadIdx.x];
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) mean.lane[lane] /= static_cast<float>(pixels);
    store<kWidth>(y, int64_t{n} * groups + at.group, mean);
  }
}

Support supports(const Problem& problem) {
  const Shape& y = problem.outputs[0].shape;
  if (y[1] != 1 || y[2] != 1) return Support::no("reduces to 1 x 1 only");
  return supports_adaptive_pool2d(problem);
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const AdaptivePool2dGeometry g = adaptive_pool2d_geometry(problem);
  return {.run = [g](const Args& args, Stream& stream) {
    const T* x = args.in<T>(0);
    T* y = args.out<T>(0);
    const int width = g.c % kVector<T> == 0 && aligned16(x, y) ? kVector<T> : 1;
    const ChannelTiles tiles(g.c, width, kLine / (width * static_cast<int64_t>(sizeof(T))));
    const auto rows = static_cast<unsigned>(std::min<int64_t>(g.n, kMostPictures));
    launch(stream, "adaptive_average_pool2d_global_reduction",
           {.grid = {tiles.tiles, rows, 1}, .block = {kTileBlock, 1, 1}},
           width > 1 ? adaptive_average_pool2d_global_reduction<kVector<T>, T>
                     : adaptive_average_pool2d_global_reduction<1, T>,
           x, y, g.n, g.rows.from * g.columns.from, tiles.groups, tiles.width);
  }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}

}  // namespace

const Engine kAdaptiveAveragePool2dGlobalReduction{"global_reduction", DeviceType::kCuda,
                                                   EngineRole::kProduct, supports, prepare};

}  // namespace voluta
