// max_pool2d_gradient and average_pool2d_gradient, algorithm "gather": each thread owns four
// neighbouring channels of one input pixel (one where C is not a multiple of 4) and adds up what
// the windows that cover it owe it, in row-major order of the windows: no atomics, one order.
//   max      dx[n,h,w,c] = sum of dy[n,p,q,c] over the windows (p,q) whose argmax[n,p,q,c] is
//                          (h+top-p*u)*S + (w+left-q*v)
//   average  dx[n,h,w,c] = sum of dy[n,p,q,c] / D(p,q) over the windows (p,q) that cover (h,w)
//   grid   (min(ceil(N*H*W*C / (256*width)), 4096))     block 256     smem 0     regs 50 (sm_90a)
//   maps   item i = block*256 + thread, then + grid*256, ...
//          i = ((n*H + h)*W + w)*(C/width) + group
//          covering rows  p = floor((h+top-R)/u)+1 .. floor((h+top)/u), clipped to [0, P)
//   limits f32, fewer than 2^31 elements
//   measured never run on hardware

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/pool2d/pool2d_engines.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta {
namespace {

// Splits an item into n, h, w and the group of channels.
struct Items {
  int64_t count = 0;
  FastDivisor groups, columns, rows;
};

// dy, argmax [N,P,Q,C] as groups of kWidth -> dx [N,H,W,C].
template <int kWidth>
__global__ void max_pool2d_gradient_gather(const float* dy, const uint8_t* argmax, float* dx,
                                           Pool2dGeometry g, Items items) {
  const int groups = static_cast<int>(items.groups.divisor);
  for (int64_t item = grid_thread(); item < items.count; item += grid_threads()) {
    int n = static_cast<int>(item);
    const int group = items.groups.take_remainder(n);
    const int w = items.columns.take_remainder(n), h = items.rows.take_remainder(n);
    const Span1d rows = g.covering_rows(h), columns = g.covering_columns(w);

    Floats<kWidth> sum{};
    for (int p = rows.begin; p < rows.end; ++p) {
      for (int q = columns.begin; q < columns.end; ++q) {
        const int64_t out = static_cast<int64_t>((n * g.p + p) * g.q + q) * groups + group;
        const int here = (h + g.top - p * g.u) * g.s + w + g.left - q * g.v;
        const Floats<kWidth> value = load<kWidth>(dy, out);
#pragma unroll
        for (int lane = 0; lane < kWidth; ++lane) {
          if (argmax[out * kWidth + lane] == here) sum.lane[lane] += value.lane[lane];
        }
      }
    }
    store<kWidth>(dx, item, sum);
  }
}

// dy [N,P,Q,C] as groups of kWidth -> dx [N,H,W,C].
template <int kWidth>
__global__ void average_pool2d_gradient_gather(const float* dy, float* dx, Pool2dGeometry g,
                                               Items items) {
  const int groups = static_cast<int>(items.groups.divisor);
  for (int64_t item = grid_thread(); item < items.count; item += grid_threads()) {
    int n = static_cast<int>(item);
    const int group = items.groups.take_remainder(n);
    const int w = items.columns.take_remainder(n), h = items.rows.take_remainder(n);
    const Span1d rows = g.covering_rows(h), columns = g.covering_columns(w);

    Floats<kWidth> sum{};
    for (int p = rows.begin; p < rows.end; ++p) {
      for (int q = columns.begin; q < columns.end; ++q) {
        const int64_t out = static_cast<int64_t>((n * g.p + p) * g.q + q) * groups + group;
        const int divisor = g.divisor(g.window_rows(p), g.window_columns(q));
        const Floats<kWidth> value = load<kWidth>(dy, out);
#pragma unroll
        for (int lane = 0; lane < kWidth; ++lane) {
          sum.lane[lane] += value.lane[lane] / static_cast<float>(divisor);
        }
      }
    }
    store<kWidth>(dx, item, sum);
  }
}

Items split(const Pool2dGeometry& g, int width) {
  return {int64_t{g.n} * g.h * g.w * g.c / width, FastDivisor(g.c / width), FastDivisor(g.w),
          FastDivisor(g.h)};
}

Execution prepare_max(const Problem& problem) {
  return {.run = [g = pool2d_geometry(problem)](const Args& args, Stream& stream) {
    const float* dy = args.in<float>(0);
    float* dx = args.out<float>(0);
    const int width = g.c % 4 == 0 && aligned16(dy, dx) ? 4 : 1;
    const Items items = split(g, width);
    launch(stream, "max_pool2d_gradient_gather", elementwise_shape(items.count),
           width == 4 ? max_pool2d_gradient_gather<4> : max_pool2d_gradient_gather<1>, dy,
           args.in<uint8_t>(1), dx, g, items);
  }};
}

Execution prepare_average(const Problem& problem) {
  return {.run = [g = pool2d_geometry(problem)](const Args& args, Stream& stream) {
    const float* dy = args.in<float>(0);
    float* dx = args.out<float>(0);
    const int width = g.c % 4 == 0 && aligned16(dy, dx) ? 4 : 1;
    const Items items = split(g, width);
    launch(stream, "average_pool2d_gradient_gather", elementwise_shape(items.count),
           width == 4 ? average_pool2d_gradient_gather<4> : average_pool2d_gradient_gather<1>, dy,
           dx, g, items);
  }};
}

}  // namespace

const Engine kMaxPool2dGradientGather{"gather", DeviceType::kCuda, EngineRole::kProduct,
                                      supports_f32_int32, prepare_max};
const Engine kAveragePool2dGradientGather{"gather", DeviceType::kCuda, EngineRole::kProduct,
                                          supports_f32_int32, prepare_average};

}  // namespace voluta
