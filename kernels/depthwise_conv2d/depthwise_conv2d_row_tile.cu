// depthwise_conv2d, algorithm "row_tile": a thread computes strips of 4 neighbouring outputs of 4
// channels, so that a pixel of x is loaded once for all outputs of its row that it touches.
//   y[n,p,q,k] = e(sum_{r,s} x[n, p*u-top+r*l, q*v-left+s*m, k/M] * w[k,r,s])
//                e: kernels/common/epilogue.cuh; of xhat for x where there is a prologue:
//                kernels/common/prologue.h
//   grid   (chunks of K x blocks of strips)     block 256     smem R*S x lanes x width x 4 bytes
//   regs   107, 122 for 3 x 3, stride 1, 2 and 4 channels; 56, 60 for 1; else 96 and 55; with a prologue
//          122, 128; 61, 69; 81 and 48; no spills (sm_90a)
//   maps   see depthwise_conv2d_tile.cuh; 3 x 3, stride 1, a strip's columns of x and outputs:
//            x   0  1  2  3  4  5         loaded 6 x 3 times for 4 x 9 multiply-adds; the nine
//            y0  s0 s1 s2                 taps of 4 channels stay in registers for all strips
//            y1     s0 s1 s2              of a thread
//            y2        s0 s1 s2
//            y3           s0 s1 s2
//          Other filters, strides and dilations read their taps from shared memory.
//   limits f32, bf16, f16; fewer than 2^31 elements a tensor; R*S <= 12288
//   measured none: no GPU yet
// Each output is summed by one thread over r, then s: two runs agree bit for bit.

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/conv2d/conv2d_epilogue.cuh>
#include <voluta/kernels/depthwise_conv2d/depthwise_conv2d_tile.cuh>

#include <functional>

namespace voluta {
namespace {

using namespace depthwise;

// The taps of a thread's channels, in registers.
template <int kWidth>
struct Taps3x3 {
  Floats<kWidth> at[3][3];

  __device__ Taps3x3(const float* shared, int lane, int lanes) {
#pragma unroll
    for (int tap = 0; tap < 9; ++tap) {
      at[tap / 3][tap % 3] = load<kWidth>(shared, tap * lanes + lane);
    }
  }
};

// Adds filter row `taps` of a row of x [W,C], from the thread's channel on, to a strip whose first
// output lies over column `first`.
template <int kWidth, int kStride, class T, class Reader>
__device__ inline void add_row_3(const Floats<kWidth> (&taps)[3], const Reader& read, const T* row,
                                 int first, const Conv2dKernelGeometry& g,
                                 Floats<kWidth> (&sums)[kStrip]) {
  constexpr int kPixels = (kStrip - 1) * kStride + 3;
  Floats<kWidth> loaded[kPixels];
#pragma unroll
  for (int j = 0; j < kPixels; ++j) {
    loaded[j] = load_if<kWidth>(inside(first + j, g.w), row + (first + j) * g.c);
  }
#pragma unroll
  for (int j = 0; j < kPixels; ++j) {
    const Floats<kWidth> pixel = read.template take<T>(inside(first + j, g.w), loaded[j]);
#pragma unroll
    for (int i = 0; i < kStrip; ++i) {
      const int s = j - i * kStride;
      if (s >= 0 && s < 3) multiply_add(sums[i], pixel, taps[s]);
    }
  }
}

// The same for any filter; taps are read from shared memory, `lanes` groups apart.
template <int kWidth, class T, class Reader>
__device__ inline void add_row(const float* taps, int lanes, const Reader& read, const T* row,
                               int q, const Conv2dKernelGeometry& g,
                               Floats<kWidth> (&sums)[kStrip]) {
  for (int s = 0; s < g.s; ++s) {
    const Floats<kWidth> tap = load<kWidth>(taps, s * lanes);
    Floats<kWidth> loaded[kStrip];
    bool exists[kStrip];
#pragma unroll
    for (int i = 0; i < kStrip; ++i) {
      const int w = g.input_column(q + i, s);
      exists[i] = q + i < g.q && inside(w, g.w);
      loaded[i] = load_if<kWidth>(exists[i], row + w * g.c);
    }
#pragma unroll
    for (int i = 0; i < kStrip; ++i) {
      multiply_add(sums[i], read.template take<T>(exists[i], loaded[i]), tap);
    }
  }
}

template <int kWidth, class T>
__device__ inline void store_strip(T* y, const Strip& strip, int k, const Conv2dKernelGeometry& g,
                                   const Epilogue<T>& epilogue,
                                   const EpilogueChannel (&channels)[kWidth],
                                   const Floats<kWidth> (&sums)[kStrip]) {
  const int first = ((strip.n * g.p + strip.row) * g.q + strip.column) * g.k + k;
  const bool adds = epilogue.residual != nullptr;
  Floats<kWidth> results[kStrip];
#pragma unroll
  for (int i = 0; i < kStrip; ++i) {
    results[i] =
        load_if<kWidth>(adds && strip.column + i < g.q, epilogue.residual + first + i * g.k);
  }
#pragma unroll
  for (int i = 0; i < kStrip; ++i) {
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) {
      float& result = results[i].lane[lane];
      result = epilogue.limited(channels[lane], sums[i].lane[lane], result);
    }
  }
  if (epilogue.f.is_apart()) {
#pragma unroll
    for (Floats<kWidth>& result : results) {
#pragma unroll
      for (float& value : result.lane) value = epilogue.f.apart(value);
    }
  }
#pragma unroll
  for (int i = 0; i < kStrip; ++i) {
    if (strip.column + i < g.q) store<kWidth>(y + first + i * g.k, 0, results[i]);
  }
}

// x [N,H,W,C], w [K,R,S], y [N,P,Q,K]. kStride: of columns, for 3 x 3 filters; 0:
// any filter, stride and dilation.
template <int kWidth, int kStride, bool kPrologue, class T>
__global__ void __launch_bounds__(kBlock, kBlocks)
    depthwise_conv2d_row_tile(const T* x, const T* w, T* y, View view, Normaliser normaliser,
                              Epilogue<T> epilogue) {
  VOLUTA_DYNAMIC_SHARED(float, filters);  // [R*S, lanes * kWidth]
  const Place place(view);
  const Conv2dKernelGeometry& g = view.g;
  const int lanes = view.tile.lanes;
  stage_filters(view, w, filters, place.chunk * lanes * kWidth, lanes * kWidth);
  if (!place.active) return;
  const int k = place.group * kWidth, c = view.by_multiplier.quotient(k);
  const PixelReader<kWidth, kPrologue> read(normaliser, c);
  EpilogueChannel channels[kWidth];
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) channels[lane] = epilogue.channel(k + lane);

  auto row_of = [&](const Strip& strip, int h) { return x + (strip.n * g.h + h) * g.w * g.c + c; };

  if constexpr (kStride > 0) {
    const Taps3x3<kWidth> taps(filters, place.lane, lanes);
    each_strip(view, place, [&](const Strip& strip) {
      Floats<kWidth> sums[kStrip] = {};
#pragma unroll
      for (int r = 0; r < 3; ++r) {
        const int h = g.input_row(strip.row, r);
        if (!inside(h, g.h)) continue;
        add_row_3<kWidth, kStride>(taps.at[r], read, row_of(strip, h),
                                   strip.column * kStride - g.left, g, sums);
      }
      store_strip(y, strip, k, g, epilogue, channels, sums);
    });
  } else {
    each_strip(view, place, [&](const Strip& strip) {
      Floats<kWidth> sums[kStrip] = {};
      for (int r = 0; r < g.r; ++r) {
        const int h = g.input_row(strip.row, r);
        if (!inside(h, g.h)) continue;
        const float* taps = filters + (r * g.s * lanes + place.lane) * kWidth;
        add_row<kWidth>(taps, lanes, read, row_of(strip, h), strip.column, g, sums);
      }
      store_strip(y, strip, k, g, epilogue, channels, sums);
    });
  }
}

Support supports(const Problem& problem) {
  return supports_filters(without_prologue(as_conv2d(problem)), 1);
}

// The kernel for so many channels a thread, with what it is told.
template <class T>
using Run = std::function<void(const T* x, const T* w, T* y, const Normaliser& normaliser,
                               const Epilogue<T>& epilogue, Stream&)>;

template <int kWidth, bool kPrologue, class T>
Run<T> prepare_width(const Conv2dGeometry& g) {
  const int64_t taps = g.r * g.s;
  const View view = make_view(g, g.p, g.q, g.k, kWidth, taps * kWidth);
  const LaunchShape shape =
      launch_shape(view.tile, static_cast<std::size_t>(taps * view.tile.lanes * kWidth));
  const auto kernel = !is_3x3(g) ? depthwise_conv2d_row_tile<kWidth, 0, kPrologue, T>
                      : g.v == 1 ? depthwise_conv2d_row_tile<kWidth, 1, kPrologue, T>
                                 : depthwise_conv2d_row_tile<kWidth, 2, kPrologue, T>;
  return [=](const T* x, const T* w, T* y, const Normaliser& normaliser,
             const Epilogue<T>& epilogue, Stream& stream) {
    launch(stream, "depthwise_conv2d_row_tile", shape, kernel, x, w, y, view, normaliser, epilogue);
  };
}

template <bool kPrologue, class T>
Execution prepare_as(const Problem& problem) {
  const Problem conv = as_conv2d(problem);
  const Conv2dGeometry g = conv2d_geometry(conv);
  const bool vectors = takes_vectors(g) && g.r * g.s * 4 <= kSharedFloats;
  const Run<T> by_four = vectors ? prepare_width<4, kPrologue, T>(g) : nullptr;
  return {0, [by_four, by_one = prepare_width<1, kPrologue, T>(g), binder = EpilogueBinder(conv),
              prologue = PrologueBinder(conv)](const Args& args, Stream& stream) {
            const T *x = args.in<T>(0), *w = args.in<T>(1);
            T* y = args.out<T>(0);
            const Epilogue<T> epilogue = binder.bind<T>(args);
            const bool grouped = by_four && aligned16(x, epilogue.residual, y);
            (grouped ? by_four : by_one)(x, w, y, prologue.bind(args), epilogue, stream);
          }};
}

Execution prepare(const Problem& problem) {
  const bool prologue = conv2d_normaliser(as_conv2d(problem)) != 0;
  return dispatch_elements(problem, [&]<class T>() {
    return prologue ? prepare_as<true, T>(problem) : prepare_as<false, T>(problem);
  });
}

}  // namespace

const Engine kDepthwiseConv2dRowTile = {"row_tile", DeviceType::kCuda, EngineRole::kProduct,
                                        supports, prepare};

}  // namespace voluta
