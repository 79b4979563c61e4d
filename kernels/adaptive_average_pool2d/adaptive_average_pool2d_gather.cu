// adaptive_average_pool2d and its gradient, algorithm "gather": each thread owns neighbouring channels
// of one pixel of the result, four of 32 bits or eight of 16 (one where C is not a multiple of that),
// and walks the window of that pixel in row-major order. The gradient's windows are those of
// Note [Windows that cover a position].
//   forward   y[n,p,q,c]  = (1/area(p,q)) sum of x[n,h,w,c] over the window of (p,q)
//   gradient  dx[n,h,w,c] = sum of dy[n,p,q,c] / area(p,q) over the windows that cover (h,w)
//   grid   (min(ceil(elements of the result / (256*width)), 4096))     block 256     smem 0
//          regs 52, of 16 bits 55 (sm_90a)
//   maps   item i = block*256 + thread, then + grid*256, ...
//          i = ((n*rows + row)*columns + column)*(C/width) + group
//   limits f32, bf16, f16; fewer than 2^31 elements, (H+1)(P+1) and (W+1)(Q+1) below 2^31
//   measured none: no GPU yet

#include <voluta/kernels/adaptive_average_pool2d/adaptive_average_pool2d_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta {
namespace {

// from [N, rows.from, columns.from, C] -> to [N, rows.to, columns.to, C] in groups of kWidth
// channels. kGradient: divides by the areas of from's pixels, else by those of to's.
template <int kWidth, bool kGradient, class T>
__global__ void adaptive_average_pool2d_gather(const T* from, T* to, AdaptiveAxis rows,
                                               AdaptiveAxis columns, AdaptiveAxis area_rows,
                                               AdaptiveAxis area_columns, FastDivisor groups,
                                               int64_t count) {
  for (int64_t item = grid_thread(); item < count; item += grid_threads()) {
    int n = static_cast<int>(item);
    const int group = groups.take_remainder(n);
    const int j = columns.by_to.take_remainder(n), i = rows.by_to.take_remainder(n);
    const int left = columns.begin(j), right = columns.end(j), bottom = rows.end(i);
    Floats<kWidth> sum{};
    for (int row = rows.begin(i); row < bottom; ++row) {
      for (int column = left; column < right; ++column) {
        const int64_t pixel = (n * rows.from + row) * columns.from + column;
        const Floats<kWidth> value = load<kWidth>(from, pixel * groups.divisor + group);
        const int area = kGradient ? area_rows.length(row) * area_columns.length(column) : 1;
#pragma unroll
        for (int lane = 0; lane < kWidth; ++lane) {
          sum.lane[lane] +=
              kGradient ? value.lane[lane] / static_cast<float>(area) : value.lane[lane];
        }
      }
    }
    if (!kGradient) {
      const auto area = static_cast<float>(area_rows.length(i) * area_columns.length(j));
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) sum.lane[lane] /= area;
    }
    store<kWidth>(to, item, sum);
  }
}

template <bool kGradient, class T>
Execution prepare_as(const Problem& problem) {
  const AdaptivePool2dGeometry g = adaptive_pool2d_geometry(problem);
  return {.run = [g, count = problem.outputs[0].shape.elements()](const Args& args,
                                                                  Stream& stream) {
    const T* from = args.in<T>(0);
    T* to = args.out<T>(0);
    const int width = g.c % kVector<T> == 0 && aligned16(from, to) ? kVector<T> : 1;
    launch(stream,
           kGradient ? "adaptive_average_pool2d_gradient_gather" : "adaptive_average_pool2d_gather",
           elementwise_shape(count / width),
           width > 1 ? adaptive_average_pool2d_gather<kVector<T>, kGradient, T>
                     : adaptive_average_pool2d_gather<1, kGradient, T>,
           from, to, kGradient ? g.covering_rows : g.rows,
           kGradient ? g.covering_columns : g.columns, g.rows, g.columns, FastDivisor(g.c / width),
           count / width);
  }};
}

template <bool kGradient>
Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<kGradient, T>(problem); });
}

}  // namespace

const Engine kAdaptiveAveragePool2dGather{"gather", DeviceType::kCuda, EngineRole::kProduct,
                                          supports_adaptive_pool2d, prepare<false>};
const Engine kAdaptiveAveragePool2dGradientGather{"gather", DeviceType::kCuda, EngineRole::kProduct,
                                                  supports_adaptive_pool2d, prepare<true>};

}  // namespace voluta
