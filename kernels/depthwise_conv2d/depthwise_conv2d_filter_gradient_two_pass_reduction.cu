// depthwise_conv2d_filter_gradient, algorithm "two_pass_reduction": blocks sum runs of strips of dy
// into a part of dw each; a second kernel adds the parts in their order.
//   dw[k,r,s] = sum_{n,p,q} dy[n,p,q,k] * x[n, p*u-top+r*l, q*v-left+s*m, k/M]
//               of xhat for x where there is a prologue: kernels/common/prologue.h
//   grid   (chunks of K x runs, 1 or R*S)     block 128 or fewer
//   smem   128 x width x 4 bytes
//   regs   183, 205 for 3 x 3, stride 1, 2 and 4 channels; 96, 142 for 1; else 72 and 56; with a prologue 204, 255;
//          123, 152; 92 and 64; no spills (sm_90a)
//   workspace parts[runs, K,R,S], in f32; none for one run of f32 data
//   maps   see depthwise_conv2d_tile.cuh, Note [A window that moves down]; the runs of strips are the blocks along
//          them. For 3 x 3 filters a thread keeps nine sums of 4 channels in registers and loads, for a strip
//          below another, 4 pixels of dy and 6 (stride 2: 18) of x for 36 multiply-adds a channel. For other
//          filters blockIdx.y names the one tap that a thread sums.
//          A block's sums of a tap meet in shared memory, in a tree over its rows.
//   limits f32, bf16, f16; fewer than 2^31 elements a tensor; R*S <= 12288
//   measured none: no GPU yet
// The number of runs depends on the extents alone: two runs agree bit for bit.

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/common/partial_sums.cuh>
#include <voluta/kernels/common/reduction.cuh>
#include <voluta/kernels/depthwise_conv2d/depthwise_conv2d_tile.cuh>

#include <optional>
#include <type_traits>

namespace voluta {
namespace {

using namespace depthwise;

constexpr int kBlocks = 2;           // on an SM
constexpr int64_t kLeastStrips = 4;  // a thread: amortises the tree and the parts

// Adds a strip of dy, the first `count` of whose outputs exist, times the row of x under its filter row.
template <int kWidth, int kStride>
__device__ inline void add_row_3(const Floats<kWidth> (&dy)[kStrip], int count,
                                 const Floats<kWidth> (&pixels)[RowPixels<kWidth, kStride>::kCount],
                                 Floats<kWidth> (&sums)[3]) {
#pragma unroll
  for (int j = 0; j < RowPixels<kWidth, kStride>::kCount; ++j) {
#pragma unroll
    for (int i = 0; i < kStrip; ++i) {
      const int s = j - i * kStride;
      if (s >= 0 && s < 3 && i < count) multiply_add(sums[s], dy[i], pixels[j]);
    }
  }
}

// Strips of dy that the rows of x so far were under and later ones still are, the oldest first: those of
// Note [A window that moves down].
template <int kWidth, int kStride>
struct OpenStrips {
  static constexpr int kRows = kOpenRows<kStride>;
  Floats<kWidth> at[kRows][kStrip] = {};

  __device__ void push(const Floats<kWidth> (&strip)[kStrip]) {
#pragma unroll
    for (int i = 0; i < kStrip; ++i) {
#pragma unroll
      for (int row = 0; row + 1 < kRows; ++row) at[row][i] = at[row + 1][i];
      at[kRows - 1][i] = strip[i];
    }
  }
};

template <int kWidth, class T>
__device__ inline void load_strip(bool exists, const T* strip, int count, int stride,
                                  Floats<kWidth> (&pixels)[kStrip]) {
#pragma unroll
  for (int i = 0; i < kStrip; ++i) {
    pixels[i] = load_if<kWidth>(exists && i < count, strip + i * stride);
  }
}

// Adds a walk of `rows` strips of dy, from `first` on, times what is under them, to the taps of a 3 x 3 filter.
// x and dy begin with the thread's channels.
template <int kWidth, int kStride, class T, class Reader>
__device__ inline void add_walk_3(const T* x, const T* dy, const Strip& first, int rows,
                                  const Reader& read, const Conv2dKernelGeometry& g,
                                  Floats<kWidth> (&sums)[3][3]) {
  using Row = RowPixels<kWidth, kStride>;
  const T* picture = x + int64_t{first.n} * g.h * g.w * g.c;
  const T* strips = dy + ((int64_t{first.n} * g.p + first.row) * g.q + first.column) * g.k;
  const int count = min(kStrip, g.q - first.column), column = first.column * kStride - g.left;
  auto load_row = [&](int row) {  // of x, counted from that under the first strip
    const int h = first.row * kStride - g.top + row;
    return Row(row < rows_under<kStride>(rows) && inside(h, g.h), picture + h * g.w * g.c, column,
               g);
  };
  constexpr int kBefore = kOpenRows<kStride> - 1;
  OpenStrips<kWidth, kStride> open;
  Floats<kWidth> pixels[Row::kCount], strip[kStrip];
  load_strip<kWidth>(true, strips, count, g.k, strip);
  Row next = load_row(0);
  for (int row = 0; row < rows + kBefore; ++row) {
    open.push(strip);
    load_strip<kWidth>(row + 1 < rows, strips + int64_t{row + 1} * g.q * g.k, count, g.k, strip);
    take_row<T>(read, next, pixels);
    next = load_row(kStride * row + 1);
    if (row < rows) add_row_3<kWidth, kStride>(open.at[kBefore], count, pixels, sums[0]);
    if constexpr (kStride == 1) {
      if (row > 0 && row <= rows) {
        add_row_3<kWidth, kStride>(open.at[1], count, pixels, sums[1]);
      }
    }
    if (row >= kBefore) add_row_3<kWidth, kStride>(open.at[0], count, pixels, sums[2]);
    if constexpr (kStride == 2) {
      take_row<T>(read, next, pixels);
      next = load_row(2 * row + 2);
      if (row < rows) add_row_3<kWidth, kStride>(open.at[1], count, pixels, sums[1]);
    }
  }
}

// The same of filter column `s` of any filter.
template <int kWidth, class T, class Reader>
__device__ inline void add_tap(const Floats<kWidth> (&dy)[kStrip], int count, const Reader& read,
                               const T* row, int q, int s, const Conv2dKernelGeometry& g,
                               Floats<kWidth>& sum) {
  Floats<kWidth> loaded[kStrip];
  bool reaches[kStrip];
#pragma unroll
  for (int i = 0; i < kStrip; ++i) {
    const int w = g.input_column(q + i, s);
    reaches[i] = i < count && inside(w, g.w);
    loaded[i] = load_if<kWidth>(reaches[i], row + w * g.c);
  }
#pragma unroll
  for (int i = 0; i < kStrip; ++i) {
    if (reaches[i]) multiply_add(sum, dy[i], read.template take<T>(true, loaded[i]));
  }
}

// x [N,H,W,C], dy [N,P,Q,K] -> parts [strip_blocks, K,R,S]. kStride: of columns, for 3 x 3 filters,
// whose taps one thread sums; 0: any filter, the tap blockIdx.y.
template <int kWidth, int kStride, bool kPrologue, class T>
__global__ void __launch_bounds__(kBlock, kBlocks)
    depthwise_conv2d_filter_gradient_parts(const T* x, const T* dy, float* parts, View view,
                                           Normaliser normaliser) {
  constexpr int kTaps = kStride > 0 ? 9 : 1;
  VOLUTA_SHARED(Floats<kWidth>[kBlock], meeting);  // [rows, lanes]
  const Place place(view);
  const Conv2dKernelGeometry& g = view.g;
  const int k = place.group * kWidth, c = view.by_multiplier.quotient(k);
  const PixelReader<kWidth, kPrologue> read(normaliser, place.active ? c : 0);
  const int tap = static_cast<int>(blockIdx.y), tap_r = tap / g.s, tap_s = tap - tap_r * g.s;
  Floats<kWidth> sums[3][3] = {};

  if (place.active) {
    if constexpr (kStride > 0) {
      each_walk(view, place, [&](const Strip& first, int rows) {
        add_walk_3<kWidth, kStride>(x + c, dy + k, first, rows, read, g, sums);
      });
    } else {
      each_strip(view, place, [&](const Strip& strip) {
        const int h = g.input_row(strip.row, tap_r);
        if (!inside(h, g.h)) return;
        const T* row = x + (strip.n * g.h + h) * g.w * g.c + c;
        const T* out = dy + ((strip.n * g.p + strip.row) * g.q + strip.column) * g.k + k;
        const int count = min(kStrip, g.q - strip.column);
        Floats<kWidth> pixels[kStrip];
        load_strip<kWidth>(true, out, count, g.k, pixels);
        add_tap<kWidth>(pixels, count, read, row, strip.column, tap_s, g, sums[0][0]);
      });
    }
  }

  const int taps = g.r * g.s;
#pragma unroll
  for (int t = 0; t < kTaps; ++t) {
    meeting[threadIdx.x] = sums[t / 3][t % 3];
    block_sum_rows(meeting, static_cast<unsigned>(view.tile.rows),
                   static_cast<unsigned>(view.tile.lanes));
    if (place.row != 0 || !place.active) continue;
    float* part = parts + (int64_t{place.strip_block} * g.k + k) * taps + tap + t;
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) {
      part[lane * taps] = meeting[threadIdx.x].lane[lane];
    }
  }
}

Support supports(const Problem& problem) {
  return supports_filters(without_prologue(as_conv2d(problem)), 1);
}

template <int kWidth, bool kPrologue, class T>
struct Plan {
  View view;
  LaunchShape shape;
  void (*kernel)(const T*, const T*, float*, View, Normaliser);

  explicit Plan(const Conv2dGeometry& g)
      : view(make_view(g, g.p, g.q, g.k, kWidth, 1,
                       {.blocks = kBlocks, .least_strips = kLeastStrips})),
        shape(launch_shape(view.tile, 0)) {
    const bool fixed = is_3x3(g);
    if (!fixed) shape.grid[1] = static_cast<unsigned>(g.r * g.s);
    kernel = !fixed     ? depthwise_conv2d_filter_gradient_parts<kWidth, 0, kPrologue, T>
             : g.v == 1 ? depthwise_conv2d_filter_gradient_parts<kWidth, 1, kPrologue, T>
                        : depthwise_conv2d_filter_gradient_parts<kWidth, 2, kPrologue, T>;
  }

  void run(const T* x, const T* dy, const Normaliser& normaliser, T* dw, void* workspace,
           int64_t elements, Stream& stream) const {
    const int runs = view.tile.strip_blocks;
    float* parts = static_cast<float*>(workspace);
    const bool at_once = runs == 1 && std::is_same_v<T, float>;
    if constexpr (std::is_same_v<T, float>) parts = at_once ? dw : parts;
    launch(stream, "depthwise_conv2d_filter_gradient_parts", shape, kernel, x, dy, parts, view,
           normaliser);
    if (at_once) return;
    launch_add_partial_sums(stream, "depthwise_conv2d_filter_gradient_add_parts", parts, dw,
                            elements, runs);
  }
};

template <bool kPrologue, class T>
Execution prepare_as(const Problem& problem) {
  const PrologueBinder prologue(as_conv2d(problem));
  const Conv2dGeometry g = conv2d_geometry(as_conv2d(problem));
  std::optional<Plan<4, kPrologue, T>> by_four;
  if (takes_vectors(g)) by_four.emplace(g);
  const Plan<1, kPrologue, T> by_one(g);
  const int64_t elements = problem.outputs[0].shape.elements();
  const int runs =
      std::max(by_four ? by_four->view.tile.strip_blocks : 1, by_one.view.tile.strip_blocks);
  const std::size_t bytes = static_cast<std::size_t>(runs * elements) * sizeof(float);
  return {bytes, [=](const Args& args, Stream& stream) {
            const T *x = args.in<T>(0), *dy = args.in<T>(1);
            T* dw = args.out<T>(0);
            const Normaliser normaliser = prologue.bind(args);
            if (by_four && aligned16(x, dy)) {
              by_four->run(x, dy, normaliser, dw, args.workspace, elements, stream);
            } else {
              by_one.run(x, dy, normaliser, dw, args.workspace, elements, stream);
            }
          }};
}

Execution prepare(const Problem& problem) {
  const bool prologue = conv2d_normaliser(as_conv2d(problem)) != 0;
  return dispatch_elements(problem, [&]<class T>() {
    return prologue ? prepare_as<true, T>(problem) : prepare_as<false, T>(problem);
  });
}

}  // namespace

const Engine kDepthwiseConv2dFilterGradientTwoPassReduction = {
    "two_pass_reduction", DeviceType::kCuda, EngineRole::kProduct, supports, prepare};

}  // namespace voluta
