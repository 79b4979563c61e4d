// depthwise_conv2d, algorithm "row_tile": a thread computes strips of 4 neighbouring outputs of 4
// channels, one below the other, so that a pixel of x is loaded once for all of a thread's outputs that it touches.
//   y[n,p,q,k] = e(sum_{r,s} x[n, p*u-top+r*l, q*v-left+s*m, k/M] * w[k,r,s])
//                e: kernels/common/epilogue.cuh; of xhat for x where there is a prologue:
//                kernels/common/prologue.h
//   grid   (chunks of K x blocks of strips)     block 128 or fewer     smem R*S x lanes x width x 4 bytes
//   regs   157, 164 for 3 x 3, stride 1, 2 and 4 channels; 71, 76 for 1; else 90 and 56; with a prologue
//          181, 204; 69, 96; 79 and 56; no spills (sm_90a)
//   maps   see depthwise_conv2d_tile.cuh, Note [A window that moves down]; 3 x 3, stride 1, a strip's columns
//          of x and outputs:
//            x   0  1  2  3  4  5         6 pixels of a row for 4 x 9 multiply-adds; the nine
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

constexpr int64_t kLeastStrips = 2;  // a thread: share two of their three rows of x
template <bool kPrologue>
constexpr int kBlocks = kPrologue ? 2 : 3;  // on an SM

// A strip of sums for each output row that the rows of x so far reach and later ones still do, the oldest first:
// Note [A window that moves down].
template <int kWidth, int kStride>
struct OpenSums {
  static constexpr int kRows = kOpenRows<kStride>;
  Floats<kWidth> at[kRows][kStrip] = {};

  // Adds a row of x, as pixels of xhat, to `row` under filter row `taps`.
  __device__ void add(int row, const Floats<kWidth> (&pixels)[RowPixels<kWidth, kStride>::kCount],
                      const Floats<kWidth> (&taps)[3]) {
#pragma unroll
    for (int j = 0; j < RowPixels<kWidth, kStride>::kCount; ++j) {
#pragma unroll
      for (int i = 0; i < kStrip; ++i) {
        const int s = j - i * kStride;
        if (s >= 0 && s < 3) multiply_add(at[row][i], pixels[j], taps[s]);
      }
    }
  }

  // The oldest is done.
  __device__ void advance() {
#pragma unroll
    for (int row = 0; row + 1 < kRows; ++row) {
#pragma unroll
      for (int i = 0; i < kStrip; ++i) at[row][i] = at[row + 1][i];
    }
#pragma unroll
    for (int i = 0; i < kStrip; ++i) at[kRows - 1][i] = {};
  }
};

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
                                   const Floats<kWidth> (&sums)[kStrip]) {
  EpilogueChannel channels[kWidth];  // not kept from strip to strip: registers
#pragma unroll
  for (int lane = 0; lane < kWidth; ++lane) channels[lane] = epilogue.channel(k + lane);
  const int first = ((strip.n * g.p + strip.row) * g.q + strip.column) * g.k + k;
  Floats<kWidth> results[kStrip] = {};
  if (const T* added = epilogue.residual; added != nullptr) {
#pragma unroll
    for (int i = 0; i < kStrip; ++i) {
      results[i] = load_if<kWidth>(strip.column + i < g.q, added + first + i * g.k);
    }
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
__global__ void __launch_bounds__(kBlock, kBlocks<kPrologue>)
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

  if constexpr (kStride > 0) {
    const Taps3x3<kWidth> taps(filters, place.lane, lanes);
    each_walk(view, place, [&](const Strip& first, int rows) {
      const T* picture = x + int64_t{first.n} * g.h * g.w * g.c + c;
      const int column = first.column * kStride - g.left;
      // Row `row` of x, counted from that under the walk's first output.
      auto load_row = [&](int row) {
        const int h = first.row * kStride - g.top + row;
        return RowPixels<kWidth, kStride>(row < rows_under<kStride>(rows) && inside(h, g.h),
                                          picture + h * g.w * g.c, column, g);
      };
      OpenSums<kWidth, kStride> sums;
      constexpr int kBefore = kOpenRows<kStride> - 1;
      auto next = load_row(0);
      for (int row = 0; row < rows + kBefore; ++row) {
        Floats<kWidth> pixels[RowPixels<kWidth, kStride>::kCount];
        take_row<T>(read, next, pixels);
        next = load_row(kStride * row + 1);
        if constexpr (kStride == 1) {
          sums.add(0, pixels, taps.at[2]);
          sums.add(1, pixels, taps.at[1]);
          sums.add(2, pixels, taps.at[0]);
        } else {
          sums.add(0, pixels, taps.at[2]);
          sums.add(1, pixels, taps.at[0]);
        }
        if (row >= kBefore) {
          const Strip strip = {first.n, first.row + row - kBefore, first.column};
          store_strip(y, strip, k, g, epilogue, sums.at[0]);
        }
        if constexpr (kStride == 2) {
          take_row<T>(read, next, pixels);
          next = load_row(2 * row + 2);
          sums.add(1, pixels, taps.at[1]);
        }
        sums.advance();
      }
    });
  } else {
    each_strip(view, place, [&](const Strip& strip) {
      Floats<kWidth> sums[kStrip] = {};
      for (int r = 0; r < g.r; ++r) {
        const int h = g.input_row(strip.row, r);
        if (!inside(h, g.h)) continue;
        const float* taps = filters + (r * g.s * lanes + place.lane) * kWidth;
        const T* row = x + (strip.n * g.h + h) * g.w * g.c + c;
        add_row<kWidth>(taps, lanes, read, row, strip.column, g, sums);
      }
      store_strip(y, strip, k, g, epilogue, sums);
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
  const View view = make_view(g, g.p, g.q, g.k, kWidth, taps * kWidth,
                              {.blocks = kBlocks<kPrologue>, .least_strips = kLeastStrips});
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
