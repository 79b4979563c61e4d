// local_response_norm and its gradient, algorithm "tiled_window": a block takes 1,024 neighbouring
// elements of x, whatever rows they belong to, and what their windows reach on both sides. Squares
// meet in shared memory, from which each window is added up afresh: a running sum would carry
// rounding errors, and a NaN, from window to window.
//   y[c] = x[c] s[c]^-beta      dx[c] = dy[c] s[c]^-beta - 2 a beta x[c] sum_j dy[j] x[j] s[j]^(-beta-1)
//   grid   (ceil(rows*C / 1024))     block 256     smem 4 (1024 + size) B, gradient 8 (1024 + 2 size) B
//   regs   32 (sm_90a)
//   maps   | before | 1,024 elements of the tile | after |     flat: rows end anywhere in it
//          thread t: elements t, t + 256, t + 512, t + 768; windows end at their row's ends
//   limits f32, bf16, f16; fewer than 2^31 - 1024 elements, size <= 1024
//   measured never run on hardware

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/common/packed_pair.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/local_response_norm/local_response_norm_engines.h>
#include <voluta/core/device/launch.cuh>

namespace voluta::local_response_norm {
namespace {

constexpr int kTile = 1024, kBlock = 256, kMostSize = 1024;

struct Window {
  int count, channels, before, after;
  float scale, beta, k;
  FastDivisor by_channels;

  explicit Window(const Geometry& g)
      : count(static_cast<int>(g.count())),
        channels(static_cast<int>(g.channels)),
        before(static_cast<int>(g.before)),
        after(static_cast<int>(g.after)),
        scale(static_cast<float>(g.scale)),
        beta(static_cast<float>(g.beta)),
        k(static_cast<float>(g.k)),
        by_channels(g.channels) {}

  // Sum of values[i - down] .. values[i + up] that are in i's row; values[0] is element `first`.
  __device__ float sum(const float* values, int first, int i, int down, int up) const {
    int row = i;
    const int c = by_channels.take_remainder(row);
    const int begin = i - min(down, c), end = i + min(up, channels - 1 - c);
    float total = 0.0f;
    for (int j = begin; j <= end; ++j) total += values[j - first];
    return total;
  }
};

// squares[i - first] = x[i]^2 for first <= i < end, i an element.
template <class T>
__device__ void take_squares(const T* x, const Window& w, int first, int end, float* squares) {
  for (int i = first + static_cast<int>(threadIdx.x); i < end; i += kBlock) {
    const float value = i >= 0 && i < w.count ? to_float(x[i]) : 0.0f;
    squares[i - first] = value * value;
  }
  __syncthreads();
}

template <bool kThreeQuarters, class T>
__global__ void __launch_bounds__(kBlock)
    local_response_norm_tiled(const T* x, T* y /* [count] */, Window w) {
  VOLUTA_DYNAMIC_SHARED(float, squares);  // [before + kTile + after]
  const int tile = static_cast<int>(blockIdx.x) * kTile;
  const int end = tile + min(kTile, w.count - tile);
  const int first = tile - w.before;
  take_squares(x, w, first, end + min(w.after, w.count - end), squares);
  for (int i = tile + static_cast<int>(threadIdx.x); i < end; i += kBlock) {
    const float s = fmaf(w.scale, w.sum(squares, first, i, w.before, w.after), w.k);
    y[i] = from_float<T>(to_float(x[i]) * inverse_power<kThreeQuarters>(s, w.beta));
  }
}

// The gradient's windows reach `after` down and `before` up, and these elements' own windows further.
template <bool kThreeQuarters, class T>
__global__ void __launch_bounds__(kBlock)
    local_response_norm_gradient_tiled(const T* x, const T* dy, T* dx /* [count] */, Window w) {
  VOLUTA_DYNAMIC_SHARED(float, shared);
  const int halo = w.before + w.after;
  float* const squares = shared;                     // [halo + kTile + halo]
  float* const through = shared + kTile + 2 * halo;  // [after + kTile + before]
  const int tile = static_cast<int>(blockIdx.x) * kTile;
  const int end = tile + min(kTile, w.count - tile);
  const int first = tile - halo, from = tile - w.after;
  const int last = end + min(w.before, w.count - end);
  take_squares(x, w, first, last + min(w.after, w.count - last), squares);

  for (int i = from + static_cast<int>(threadIdx.x); i < last; i += kBlock) {
    if (i < 0) continue;
    const float s = fmaf(w.scale, w.sum(squares, first, i, w.before, w.after), w.k);
    through[i - from] =
        to_float(dy[i]) * to_float(x[i]) * (inverse_power<kThreeQuarters>(s, w.beta) / s);
  }
  __syncthreads();
  const float factor = 2.0f * w.scale * w.beta;
  for (int i = tile + static_cast<int>(threadIdx.x); i < end; i += kBlock) {
    const float s = fmaf(w.scale, w.sum(squares, first, i, w.before, w.after), w.k);
    const float sum = w.sum(through, from, i, w.after, w.before);
    dx[i] = from_float<T>(fmaf(to_float(dy[i]), inverse_power<kThreeQuarters>(s, w.beta),
                               -factor * to_float(x[i]) * sum));
  }
}

LaunchShape shape_of(const Geometry& g, int64_t floats) {
  return {.grid = {blocks_for(g.count(), kTile), 1, 1},
          .block = {kBlock, 1, 1},
          .shared_bytes = static_cast<unsigned>(floats * static_cast<int64_t>(sizeof(float)))};
}

Support supports(const Problem& problem) {
  if (problem.options_as<LocalResponseNormOptions>().size > kMostSize) {
    return Support::no("a window of more than 1,024 channels");
  }
  if (problem.inputs[0].shape.elements() >= (int64_t{1} << 31) - kTile) {
    return Support::no("a tensor of 2^31 - 1,024 elements or more");
  }
  return supports_nonempty(problem);
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const Geometry g = geometry(problem);
  const LaunchShape shape = shape_of(g, kTile + g.before + g.after);
  auto* const kernel =
      g.beta == 0.75 ? local_response_norm_tiled<true, T> : local_response_norm_tiled<false, T>;
  return {.run = [=, w = Window(g)](const Args& args, Stream& stream) {
    launch(stream, "local_response_norm_tiled", shape, kernel, args.in<T>(0), args.out<T>(0), w);
  }};
}

template <class T>
Execution prepare_gradient_as(const Problem& problem) {
  const Geometry g = geometry(problem);
  const LaunchShape shape = shape_of(g, 2 * kTile + 3 * (g.before + g.after));
  auto* const kernel = g.beta == 0.75 ? local_response_norm_gradient_tiled<true, T>
                                      : local_response_norm_gradient_tiled<false, T>;
  return {.run = [=, w = Window(g)](const Args& args, Stream& stream) {
    launch(stream, "local_response_norm_gradient_tiled", shape, kernel, args.in<T>(0),
           args.in<T>(1), args.out<T>(0), w);
  }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}
Execution prepare_gradient(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_gradient_as<T>(problem); });
}

}  // namespace

const Engine kTiledWindow{"tiled_window", DeviceType::kCuda, EngineRole::kProduct, supports,
                          prepare};
const Engine kGradientTiledWindow{"tiled_window", DeviceType::kCuda, EngineRole::kProduct, supports,
                                  prepare_gradient};

}  // namespace voluta::local_response_norm
