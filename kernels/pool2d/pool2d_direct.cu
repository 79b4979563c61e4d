// pool2d, algorithm "direct": each thread walks the window of one output pixel for four
// neighbouring channels (one where C is not a multiple of 4), in row-major order.
//   max      y[n,p,q,c] = max over (r,s) of x[n, p*u-top+r, q*v-left+s, c]
//   average  y[n,p,q,c] = (1/D) sum over (r,s) of the same
//   grid   (min(ceil(N*P*Q*C / (256*width)), 4096))     block 256     smem 0     regs 44 (sm_90a)
//   maps   item i = block*256 + thread, then + grid*256, ...
//          i = ((n*P + p)*Q + q)*(C/width) + group
//          neighbouring threads: neighbouring channels, then the pixel to the right
//   limits f32, fewer than 2^31 elements
//   measured never run on hardware

#include <voluta/kernels/common/fast_divide.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/pool2d/pool2d_engines.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta {
namespace {

// Splits an item into n, p, q and the group of channels.
struct Items {
  int64_t count = 0;
  FastDivisor groups, columns, rows;
};

// x [N,H,W,C] as groups of kWidth -> y, argmax [N,P,Q,C]; argmax may be nullptr.
template <int kWidth>
__global__ void max_pool2d_direct(const float* x, float* y, uint8_t* argmax, Pool2dGeometry g,
                                  Items items) {
  const int groups = static_cast<int>(items.groups.divisor);
  for (int64_t item = grid_thread(); item < items.count; item += grid_threads()) {
    int n = static_cast<int>(item);
    const int group = items.groups.take_remainder(n);
    const int q = items.columns.take_remainder(n), p = items.rows.take_remainder(n);
    const Span1d rows = g.window_rows(p), columns = g.window_columns(q);

    Floats<kWidth> best;
    int winner[kWidth];
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) {
      best.lane[lane] = -INFINITY;
      winner[lane] = rows.begin * g.s + columns.begin;
    }
    for (int r = rows.begin; r < rows.end; ++r) {
      const int row = (n * g.h + p * g.u - g.top + r) * g.w + q * g.v - g.left;
      for (int s = columns.begin; s < columns.end; ++s) {
        const Floats<kWidth> value =
            load<kWidth>(x, static_cast<int64_t>(row + s) * groups + group);
#pragma unroll
        for (int lane = 0; lane < kWidth; ++lane) {
          if (!beats(value.lane[lane], best.lane[lane])) continue;
          best.lane[lane] = value.lane[lane];
          winner[lane] = r * g.s + s;
        }
      }
    }
    store<kWidth>(y, item, best);
    if (argmax == nullptr) continue;
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) {
      argmax[item * kWidth + lane] = static_cast<uint8_t>(winner[lane]);
    }
  }
}

// x [N,H,W,C] as groups of kWidth -> y [N,P,Q,C].
template <int kWidth>
__global__ void average_pool2d_direct(const float* x, float* y, Pool2dGeometry g, Items items) {
  const int groups = static_cast<int>(items.groups.divisor);
  for (int64_t item = grid_thread(); item < items.count; item += grid_threads()) {
    int n = static_cast<int>(item);
    const int group = items.groups.take_remainder(n);
    const int q = items.columns.take_remainder(n), p = items.rows.take_remainder(n);
    const Span1d rows = g.window_rows(p), columns = g.window_columns(q);

    Floats<kWidth> sum{};
    for (int r = rows.begin; r < rows.end; ++r) {
      const int row = (n * g.h + p * g.u - g.top + r) * g.w + q * g.v - g.left;
      for (int s = columns.begin; s < columns.end; ++s) {
        const Floats<kWidth> value =
            load<kWidth>(x, static_cast<int64_t>(row + s) * groups + group);
#pragma unroll
        for (int lane = 0; lane < kWidth; ++lane) sum.lane[lane] += value.lane[lane];
      }
    }
    const float divisor = static_cast<float>(g.divisor(rows, columns));
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) sum.lane[lane] /= divisor;
    store<kWidth>(y, item, sum);
  }
}

Execution prepare(const Problem& problem) {
  const Pool2dGeometry g = pool2d_geometry(problem);
  const int64_t count = problem.outputs[0].shape.elements();
  const bool max = pool2d_options(problem).mode == PoolMode::kMax;
  const bool save_argmax = problem.outputs.size() == 2;
  return {.run = [=](const Args& args, Stream& stream) {
    const float* x = args.in<float>(0);
    float* y = args.out<float>(0);
    const int width = g.c % 4 == 0 && aligned16(x, y) ? 4 : 1;
    const Items items{count / width, FastDivisor(g.c / width), FastDivisor(g.q), FastDivisor(g.p)};
    if (max) {
      launch(stream, "max_pool2d_direct", elementwise_shape(items.count),
             width == 4 ? max_pool2d_direct<4> : max_pool2d_direct<1>, x, y,
             save_argmax ? args.out<uint8_t>(1) : nullptr, g, items);
    } else {
      launch(stream, "average_pool2d_direct", elementwise_shape(items.count),
             width == 4 ? average_pool2d_direct<4> : average_pool2d_direct<1>, x, y, g, items);
    }
  }};
}

}  // namespace

const Engine kPool2dDirect{"direct", DeviceType::kCuda, EngineRole::kProduct, supports_f32_int32,
                           prepare};

}  // namespace voluta
