// depthwise_conv2d_input_gradient, algorithm "row_tile": a gather. A thread computes strips of 4
// neighbouring pixels of dx of 4 channels; a pixel of dy is loaded once for all that it reached.
//   dx[n,h,w,c] = sum_{r,s,j<M} dy[n,p,q,c*M+j] * w[c*M+j,r,s]    where p*u-top+r*l = h, q likewise
//   grid   (chunks of C x blocks of strips)     block 256     smem R*S x lanes x width x M x 4 bytes
//   regs   83, 79 for 3 x 3, stride 1, 2 and 4 channels; 44, 39 for 1; else 72 and 40 (sm_90a)
//   maps   see depthwise_conv2d_tile.cuh. Strips begin at a multiple of the stride v in t = w +
//          left, so which taps join dy and dx is known while the kernel is compiled; 3 x 3, v = 2:
//            t           0     1     2     3        dy[q] reaches t = 2q + s
//            q = t0/2-1  s2                         3 loads a filter row for 6 multiply-adds,
//            q = t0/2    s0    s1    s2             none with a zero between the pixels of dy
//            q = t0/2+1              s0    s1
//          Other filters, strides and dilations divide, and read their taps from shared memory.
//   limits f32, bf16, f16; fewer than 2^31 elements a tensor; R*S*M <= 12288
//   measured none: no GPU yet
// Each pixel is summed by one thread in a fixed order: two runs agree bit for bit.

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/depthwise_conv2d/depthwise_conv2d_tile.cuh>

#include <functional>

namespace voluta {
namespace {

using namespace depthwise;

// Adds filter row `taps` of a row of dy [Q,K], from the thread's channel on, to a strip that begins
// at t = q * kStride.
template <int kWidth, int kStride, class T>
__device__ inline void add_row_3(const Floats<kWidth> (&taps)[3], const T* row, int q,
                                 const Conv2dKernelGeometry& g, Floats<kWidth> (&sums)[kStrip]) {
#pragma unroll
  for (int d = -(2 / kStride); d <= (kStrip - 1) / kStride; ++d) {
    if (!inside(q + d, g.q)) continue;
    const Floats<kWidth> pixel = load<kWidth>(row + (q + d) * g.k, 0);
#pragma unroll
    for (int i = 0; i < kStrip; ++i) {
      const int s = i - d * kStride;
      if (s >= 0 && s < 3) multiply_add(sums[i], pixel, taps[s]);
    }
  }
}

// The same for any filter and multiplier: taps [S, lanes * multiplier] in shared memory.
template <int kWidth, class T>
__device__ inline void add_row(const float* taps, const T* row, int t, const View& view,
                               Floats<kWidth> (&sums)[kStrip]) {
  const int filters = view.tile.lanes * view.multiplier;
  for (int s = 0; s < view.g.s; ++s) {
#pragma unroll
    for (int i = 0; i < kStrip; ++i) {
      const int q = position_under(t + i - s * view.g.m, view.by_v, view.g.q);
      if (q < 0) continue;
      for (int j = 0; j < view.multiplier; ++j) {  // once where kWidth is 4
        multiply_add(sums[i], load<kWidth>(row + q * view.g.k, j),
                     load<kWidth>(taps, s * filters + j));
      }
    }
  }
}

template <int kWidth, class T>
__device__ inline void store_strip(T* dx, const Strip& strip, int c, const Conv2dKernelGeometry& g,
                                   const Floats<kWidth> (&sums)[kStrip]) {
  const int first = strip.column - g.left;  // may lie before the row
  T* row = dx + static_cast<int64_t>(strip.n * g.h + strip.row) * g.w * g.c + c;
#pragma unroll
  for (int i = 0; i < kStrip; ++i) {
    if (inside(first + i, g.w)) store<kWidth>(row + (first + i) * g.c, 0, sums[i]);
  }
}

// dy [N,P,Q,K], w [K,R,S], dx [N,H,W,C]. kStride: of columns, for 3 x 3 filters and multiplier 1;
// 0: any filter, stride, dilation and multiplier.
template <int kWidth, int kStride, class T>
__global__ void depthwise_conv2d_input_gradient_row_tile(const T* dy, const T* w, T* dx,
                                                         View view) {
  VOLUTA_DYNAMIC_SHARED(float, filters);  // [R*S, lanes * kWidth * multiplier]
  const Place place(view);
  const Conv2dKernelGeometry& g = view.g;
  const int width = kWidth * view.multiplier;  // filters a lane
  stage_filters(view, w, filters, place.chunk * view.tile.lanes * width, view.tile.lanes * width);
  if (!place.active) return;

  auto each_strip = [&](auto&& add_filter_row) {
    const int64_t step = int64_t{view.tile.strip_blocks} * view.tile.rows;
    int64_t index = int64_t{place.strip_block} * view.tile.rows + place.row;
    for (; index < view.strips; index += step) {
      const Strip strip(view, index);
      Floats<kWidth> sums[kStrip] = {};
#pragma unroll
      for (int r = 0; r < (kStride > 0 ? 3 : g.r); ++r) {
        const int p = position_under(strip.row + g.top - r * g.l, view.by_u, g.p);
        if (p < 0) continue;
        add_filter_row(r, dy + (strip.n * g.p + p) * g.q * g.k + place.group * width, strip.column,
                       sums);
      }
      store_strip(dx, strip, place.group * kWidth, g, sums);
    }
  };

  if constexpr (kStride > 0) {
    Floats<kWidth> taps[3][3];
#pragma unroll
    for (int tap = 0; tap < 9; ++tap) {
      taps[tap / 3][tap % 3] = load<kWidth>(filters, tap * view.tile.lanes + place.lane);
    }
    each_strip([&](int r, const T* row, int t, Floats<kWidth>(&sums)[kStrip]) {
      add_row_3<kWidth, kStride>(taps[r], row, t / kStride, g, sums);
    });
  } else {
    each_strip([&](int r, const T* row, int t, Floats<kWidth>(&sums)[kStrip]) {
      add_row<kWidth>(filters + (r * g.s * view.tile.lanes + place.lane) * width, row, t, view,
                      sums);
    });
  }
}

Support supports(const Problem& problem) {
  const Problem conv = as_conv2d(problem);
  return supports_filters(conv, conv2d_geometry(conv).group_k);
}

template <class T>
using Run = std::function<void(const T* dy, const T* w, T* dx, Stream&)>;

// The kernel for so many channels a thread, with what it is told.
template <int kWidth, class T>
Run<T> prepare_width(const Conv2dGeometry& g) {
  const bool fixed = is_3x3(g) && g.group_k == 1;
  const int64_t before = fixed ? g.left % g.v : 0;  // columns of the first strip outside dx
  const int64_t floats = g.r * g.s * g.group_k * kWidth;
  View view = make_view(g, g.h, before + g.w, g.c, kWidth, floats);
  view.first_column = static_cast<int>(g.left - before);
  const LaunchShape shape =
      launch_shape(view.tile, static_cast<std::size_t>(floats * view.tile.lanes));
  const auto kernel = !fixed     ? depthwise_conv2d_input_gradient_row_tile<kWidth, 0, T>
                      : g.v == 1 ? depthwise_conv2d_input_gradient_row_tile<kWidth, 1, T>
                                 : depthwise_conv2d_input_gradient_row_tile<kWidth, 2, T>;
  return [=](const T* dy, const T* w, T* dx, Stream& stream) {
    launch(stream, "depthwise_conv2d_input_gradient_row_tile", shape, kernel, dy, w, dx, view);
  };
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const Conv2dGeometry g = conv2d_geometry(as_conv2d(problem));
  const bool vectors = takes_vectors(g) && g.r * g.s * 4 <= kSharedFloats;
  const Run<T> by_four = vectors ? prepare_width<4, T>(g) : nullptr;
  return {0, [=, by_one = prepare_width<1, T>(g)](const Args& args, Stream& stream) {
            const T *dy = args.in<T>(0), *w = args.in<T>(1);
            T* dx = args.out<T>(0);
            if (by_four && aligned16(dy, dx)) {
              by_four(dy, w, dx, stream);
            } else {
              by_one(dy, w, dx, stream);
            }
          }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}

}  // namespace

const Engine kDepthwiseConv2dInputGradientRowTile = {"row_tile", DeviceType::kCuda,
                                                     EngineRole::kProduct, supports, prepare};

}  // namespace voluta
