// depthwise_conv2d_input_gradient, algorithm "row_tile": a gather. A thread computes strips of 4
// neighbouring pixels of dx of 4 channels; a pixel of dy is loaded once for all of the strip that it reached.
//   dx[n,h,w,c] = sum_{r,s,j<M} dy[n,p,q,c*M+j] * w[c*M+j,r,s]    where p*u-top+r*l = h, q likewise
//   grid   (chunks of C x blocks of strips)     block 128 or fewer     smem R*S x lanes x width x M x 4 bytes;
//          with sums 4 KiB more
//   regs   120, 101 for 3 x 3, stride 1, 2 and 4 channels; 75, 61 for 1; else 150 and 63; with sums 137, 64; 164
//          and 77; no spills (sm_90a)
//   maps   see depthwise_conv2d_tile.cuh. Strips begin at a multiple of the stride v in t = w +
//          left, so which taps join dy and dx is known while the kernel is compiled; 3 x 3, v = 2:
//            t           0     1     2     3        dy[q] reaches t = 2q + s
//            q = t0/2-1  s2                         3 loads a filter row for 6 multiply-adds,
//            q = t0/2    s0    s1    s2             none with a zero between the pixels of dy
//            q = t0/2+1              s0    s1
//          Other filters, strides and dilations divide, and read their taps from shared memory.
//          With sums for a batch norm in front a block takes 128 pixels after 128, a part each, and its
//          threads the strips that touch them; a strip on the border of two parts is computed for both.
//   limits f32, bf16, f16; fewer than 2^31 elements a tensor; R*S*M <= 12288; sums for a stride of 1
//   measured none: no GPU yet
// Each pixel is summed by one thread in a fixed order, and so is each sum: two runs agree bit for bit.

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/conv2d/conv2d_norm_in_front.cuh>
#include <voluta/kernels/depthwise_conv2d/depthwise_conv2d_tile.cuh>

#include <functional>

namespace voluta {
namespace {

using namespace depthwise;

constexpr int kBlocks = 3;  // on an SM

// Adds filter row `taps` of a row of dy [Q,K], from the thread's channel on, to a strip that begins
// at t = q * kStride.
template <int kWidth, int kStride, class T>
__device__ inline void add_row_3(const Floats<kWidth> (&taps)[3], const T* row, int q,
                                 const Conv2dKernelGeometry& g, Floats<kWidth> (&sums)[kStrip]) {
  constexpr int kBefore = 2 / kStride, kPixels = kBefore + (kStrip - 1) / kStride + 1;
  Floats<kWidth> pixels[kPixels];
#pragma unroll
  for (int j = 0; j < kPixels; ++j) {
    const int at = q + j - kBefore;
    pixels[j] = load_if<kWidth>(inside(at, g.q), row + at * g.k);
  }
#pragma unroll
  for (int j = 0; j < kPixels; ++j) {
#pragma unroll
    for (int i = 0; i < kStrip; ++i) {
      const int s = i - (j - kBefore) * kStride;
      if (s >= 0 && s < 3) multiply_add(sums[i], pixels[j], taps[s]);
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

// dx of whole strips of the thread's channels. kStride: of columns, for 3 x 3 filters and multiplier
// 1; 0: any filter, stride, dilation and multiplier.
template <int kWidth, int kStride, class T>
class StripGradient {
 public:
  // filters [R*S, lanes * kWidth * multiplier] in shared memory.
  __device__ StripGradient(const View& view, const Place& place, const float* filters, const T* dy)
      : view_(view),
        filters_(filters + place.lane * kWidth * view.multiplier),
        dy_(dy + place.group * kWidth * view.multiplier) {
    if constexpr (kStride > 0) {
#pragma unroll
      for (int tap = 0; tap < 9; ++tap) {
        taps_[tap / 3][tap % 3] = load<kWidth>(filters, tap * view.tile.lanes + place.lane);
      }
    }
  }

  __device__ void add(const Strip& strip, Floats<kWidth> (&sums)[kStrip]) const {
    const Conv2dKernelGeometry& g = view_.g;
#pragma unroll
    for (int r = 0; r < (kStride > 0 ? 3 : g.r); ++r) {
      const int p = position_under(strip.row + g.top - r * g.l, view_.by_u, g.p);
      if (p < 0) continue;
      const T* row = dy_ + (strip.n * g.p + p) * g.q * g.k;
      if constexpr (kStride > 0) {
        add_row_3<kWidth, kStride>(taps_[r], row, strip.column / kStride, g, sums);
      } else {
        const int filters = view_.tile.lanes * kWidth * view_.multiplier;
        add_row<kWidth>(filters_ + r * g.s * filters, row, strip.column, view_, sums);
      }
    }
  }

 private:
  const View& view_;
  const float* filters_;
  const T* dy_;
  Floats<kWidth> taps_[kStride > 0 ? 3 : 1][3];
};

// The pixels of dx in a strip, by their numbers from `first` on; some lie beside the row.
struct StripPixels {
  int column, first;

  __device__ StripPixels(const Strip& strip, const Conv2dKernelGeometry& g)
      : column(strip.column - g.left), first((strip.n * g.h + strip.row) * g.w + column) {}
  __device__ bool exists(int i, const Conv2dKernelGeometry& g) const {
    return inside(column + i, g.w);
  }
};

// dy [N,P,Q,K], w [K,R,S], dx [N,H,W,C].
template <int kWidth, int kStride, class T>
__global__ void __launch_bounds__(kBlock, kBlocks)
    depthwise_conv2d_input_gradient_row_tile(const T* dy, const T* w, T* dx, View view) {
  VOLUTA_DYNAMIC_SHARED(float, filters);
  const Place place(view);
  const int width = view.tile.lanes * kWidth * view.multiplier;
  stage_filters(view, w, filters, place.chunk * width, width);
  if (!place.active) return;
  const StripGradient<kWidth, kStride, T> gradient(view, place, filters, dy);
  dx += place.group * kWidth;
  each_strip(view, place, [&](const Strip& strip) {
    Floats<kWidth> sums[kStrip] = {};
    gradient.add(strip, sums);
    const StripPixels pixels(strip, view.g);
#pragma unroll
    for (int i = 0; i < kStrip; ++i) {
      if (!pixels.exists(i, view.g)) continue;
      store<kWidth>(dx + int64_t{pixels.first + i} * view.g.c, 0, sums[i]);
    }
  });
}

// What a kernel with sums is told beside: part i is that of pixels 128 i .. 128 i + 127.
template <class T>
struct SumsView {
  NormInFront<T> norm;
  float* out;  // [parts, 2, C]
  int parts, pixels;
  FastDivisor by_w;

  __device__ int strip_of(const View& view, int pixel) const {
    const int column = by_w.take_remainder(pixel);
    return pixel * static_cast<int>(view.by_strips.divisor) + column / kStrip;
  }
};

// Of a thread's channels, over its pixels of a part.
template <int kWidth>
struct ChannelSums {
  Floats<kWidth> du, product;
};

// Stores the pixels of a strip that lie from `first` on and before `end`, and adds their shares.
template <int kWidth, class T, class Channels>
__device__ inline void store_and_add(const View& view, const SumsView<T>& sums, const Strip& strip,
                                     int first, int end, int c, const Channels& channels,
                                     const Floats<kWidth> (&strip_sums)[kStrip], T* dx,
                                     ChannelSums<kWidth>& total) {
  bool exists[kStrip];
  Floats<kWidth> z[kStrip];
  const StripPixels pixels(strip, view.g);
  const int64_t at = int64_t{pixels.first} * view.g.c + c;
#pragma unroll
  for (int i = 0; i < kStrip; ++i) {
    const int pixel = pixels.first + i;
    exists[i] = pixels.exists(i, view.g) && pixel >= first && pixel < end;
    z[i] = load_if<kWidth>(exists[i], sums.norm.z + at + i * view.g.c);
  }
#pragma unroll
  for (int i = 0; i < kStrip; ++i) {
    if (exists[i]) store<kWidth>(dx + at + i * view.g.c, 0, strip_sums[i]);
#pragma unroll
    for (int e = 0; e < kWidth; ++e) {
      const float stored = to_float(from_float<T>(exists[i] ? strip_sums[i].lane[e] : 0.0f));
      sums.norm.add(channels[e], z[i].lane[e], stored, total.du.lane[e], total.product.lane[e]);
    }
  }
}

// Adds what the rows of threads above each other have, `rows` of them, and writes the sums of a part.
// shared [rows][2][lanes * kWidth].
template <int kWidth>
__device__ inline void write_part(const View& view, const Place& place, float* shared, int rows,
                                  const ChannelSums<kWidth>& total, float* out) {
  const int columns = view.tile.lanes * kWidth, first = place.chunk * columns;
  if (place.row < rows) {
    float* own = shared + place.row * 2 * columns;
    store<kWidth>(own, place.lane, total.du);
    store<kWidth>(own + columns, place.lane, total.product);
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < 2 * columns; i += static_cast<int>(blockDim.x)) {
    const int which = i < columns ? 0 : 1, c = first + i - which * columns;
    if (c >= view.g.c) continue;
    float sum = 0;
    for (int row = 0; row < rows; ++row) sum += shared[row * 2 * columns + i];
    out[which * view.g.c + c] = sum;
  }
  __syncthreads();
}

template <int kWidth, int kStride, class T>
__global__ void __launch_bounds__(kBlock, kBlocks)
    depthwise_conv2d_input_gradient_row_tile_sums(const T* dy, const T* w, T* dx, View view,
                                                  SumsView<T> sums) {
  VOLUTA_DYNAMIC_SHARED(float, shared);  // what write_part() asks for, then the filters
  const Place place(view);
  const int width = view.tile.lanes * kWidth * view.multiplier;
  float* const filters = shared + view.tile.rows * 2 * view.tile.lanes * kWidth;
  stage_filters(view, w, filters, place.chunk * width, width);
  const StripGradient<kWidth, kStride, T> gradient(view, place, filters, dy);
  const int c = place.group * kWidth;
  typename NormInFront<T>::Channel channels[kWidth] = {};
#pragma unroll
  for (int e = 0; e < kWidth; ++e) {
    if (place.active) channels[e] = sums.norm.channel(c + e);
  }
  for (int part = place.strip_block; part < sums.parts; part += view.tile.strip_blocks) {
    const int first = part * static_cast<int>(kSumRows);
    const int end = min(first + static_cast<int>(kSumRows), sums.pixels);
    const int first_strip = sums.strip_of(view, first);
    const int strips = sums.strip_of(view, end - 1) - first_strip + 1;
    ChannelSums<kWidth> total = {};
    for (int i = place.active ? place.row : strips; i < strips; i += view.tile.rows) {
      const Strip strip = Strip::along(view, first_strip + i);
      Floats<kWidth> strip_sums[kStrip] = {};
      gradient.add(strip, strip_sums);
      store_and_add(view, sums, strip, first, end, c, channels, strip_sums, dx, total);
    }
    write_part(view, place, shared, min(view.tile.rows, strips), total,
               sums.out + int64_t{part} * 2 * view.g.c);
  }
}

Support supports(const Problem& problem) {
  const Problem conv = as_conv2d(problem);
  const Conv2dGeometry g = conv2d_geometry(conv);
  if (problem.outputs.size() == 2) {
    if (const Support clamps = supports_sums(conv); !clamps.ok) return clamps;
    if (g.u != 1 || g.v != 1) return Support::no("sums with a stride of 1 only");
  }
  return supports_filters(conv, g.group_k);
}

// What a launch knows beside the tensors of a problem without sums.
template <class T>
struct Sums {
  NormInFront<T> norm = {};
  float* out = nullptr;  // nullptr: none are asked for
};

template <class T>
using Run = std::function<void(const T* dy, const T* w, T* dx, const Sums<T>& sums, Stream&)>;

// The kernel for so many channels a thread, with what it is told.
template <int kWidth, class T>
Run<T> prepare_width(const Conv2dGeometry& g) {
  const bool fixed = is_3x3(g) && g.group_k == 1;
  const int64_t before = fixed ? g.left % g.v : 0;  // columns of the first strip outside dx
  const int64_t floats = g.r * g.s * g.group_k * kWidth;
  View view = make_view(g, g.h, before + g.w, g.c, kWidth, floats, {.blocks = kBlocks});
  view.first_column = static_cast<int>(g.left - before);
  const LaunchShape shape =
      launch_shape(view.tile, static_cast<std::size_t>(floats * view.tile.lanes));
  const auto kernel = !fixed     ? depthwise_conv2d_input_gradient_row_tile<kWidth, 0, T>
                      : g.v == 1 ? depthwise_conv2d_input_gradient_row_tile<kWidth, 1, T>
                                 : depthwise_conv2d_input_gradient_row_tile<kWidth, 2, T>;
  return [=](const T* dy, const T* w, T* dx, const Sums<T>&, Stream& stream) {
    launch(stream, "depthwise_conv2d_input_gradient_row_tile", shape, kernel, dy, w, dx, view);
  };
}

// The same with sums; a stride of 1. A part is not divided: where there are few, blocks are narrow, down to 128
// bytes of f32, so that there are kBlocks for each multiprocessor of a large GPU.
template <int kWidth, class T>
Run<T> prepare_width_with_sums(const Conv2dGeometry& g) {
  const bool fixed = is_3x3(g) && g.group_k == 1;
  const int64_t floats = g.r * g.s * g.group_k * kWidth, pixels = g.n * g.h * g.w;
  constexpr int64_t kLeastLanes = 32 / kWidth, kLeastBlocks = kBlocks * kMultiprocessors;
  const int64_t parts = SumParts<int64_t>(g).count();
  const int64_t lanes =
      std::clamp<int64_t>(g.c / kWidth * parts / kLeastBlocks, kLeastLanes, kMaxLanes);
  const Sharing sharing = {.blocks = kBlocks, .most_lanes = lanes};
  View view = make_view(g, g.h, g.w, g.c, kWidth, floats, sharing);
  view.first_column = static_cast<int>(g.left);
  const int64_t wanted = sharing.wanted(view.tile.chunks);
  const int64_t parts_a_block = (parts + wanted - 1) / wanted;
  view.tile.strip_blocks = static_cast<int>((parts + parts_a_block - 1) / parts_a_block);
  const int64_t lane_floats = floats + int64_t{2} * view.tile.rows * kWidth;
  const LaunchShape shape =
      launch_shape(view.tile, static_cast<std::size_t>(lane_floats * view.tile.lanes));
  const auto kernel = fixed ? depthwise_conv2d_input_gradient_row_tile_sums<kWidth, 1, T>
                            : depthwise_conv2d_input_gradient_row_tile_sums<kWidth, 0, T>;
  return [=](const T* dy, const T* w, T* dx, const Sums<T>& sums, Stream& stream) {
    const SumsView<T> sums_view{sums.norm, sums.out, static_cast<int>(parts),
                                static_cast<int>(pixels), FastDivisor(g.w)};
    launch(stream, "depthwise_conv2d_input_gradient_row_tile_sums", shape, kernel, dy, w, dx, view,
           sums_view);
  };
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const Problem conv = as_conv2d(problem);
  const Conv2dGeometry g = conv2d_geometry(conv);
  const bool sums = problem.outputs.size() == 2;
  const bool vectors = takes_vectors(g) && g.r * g.s * 4 <= kSharedFloats;
  const Run<T> by_one = sums ? prepare_width_with_sums<1, T>(g) : prepare_width<1, T>(g);
  Run<T> by_four;
  if (vectors) by_four = sums ? prepare_width_with_sums<4, T>(g) : prepare_width<4, T>(g);
  return {0, [=, binder = NormInFrontBinder(conv)](const Args& args, Stream& stream) {
            const T *dy = args.in<T>(0), *w = args.in<T>(1);
            T* dx = args.out<T>(0);
            const Sums<T> bound{binder.bind<T>(args), binder.sums(args)};
            const bool four = by_four && aligned16(dy, dx, bound.norm.z);
            (four ? by_four : by_one)(dy, w, dx, bound, stream);
          }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}

}  // namespace

const Engine kDepthwiseConv2dInputGradientRowTile = {"row_tile", DeviceType::kCuda,
                                                     EngineRole::kProduct, supports, prepare};

}  // namespace voluta
