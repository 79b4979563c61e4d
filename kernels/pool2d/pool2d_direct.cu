// pool2d, algorithm "direct": each thread walks the window of one output pixel for
// neighbouring channels, four of 32 bits or eight of 16 (one where C is not a multiple of that), in
// row-major order.
//   max      y[n,p,q,c] = max over (r,s) of x[n, p*u-top+r, q*v-left+s, c]; min likewise
//   average  y[n,p,q,c] = (1/D) sum over (r,s) of the same
//   grid   (min(ceil(N*P*Q*C / (256*width)), 4096))     block 256     smem 0     regs 44, of 16 bits 55 (sm_90a)
//   maps   item i = block*256 + thread, then + grid*256, ...
//          i = ((n*P + p)*Q + q)*(C/width) + group
//          neighbouring threads: neighbouring channels, then the pixel to the right
//   limits f32, bf16, f16; fewer than 2^31 elements
//   measured never run on hardware

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/pool2d/pool2d_walk.cuh>

namespace voluta {
namespace {

// x [N,H,W,C] as groups of kWidth -> y, argmax [N,P,Q,C]; argmax may be nullptr.
// kLeast: min pooling.
template <int kWidth, bool kLeast, class T>
__global__ void extreme_pool2d_direct(const T* x, T* y, uint8_t* argmax, Pool2dGeometry g,
                                      PoolItems items) {
  const int groups = static_cast<int>(items.groups.divisor);
  for (int64_t item = grid_thread(); item < items.count; item += grid_threads()) {
    const PoolItem at = items.split(item);
    const Span1d rows = g.window_rows(at.row), columns = g.window_columns(at.column);
    Floats<kWidth> best;
    int winner[kWidth];
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) {
      best.lane[lane] = kLeast ? INFINITY : -INFINITY;
      winner[lane] = rows.begin * g.s + columns.begin;
    }
    walk_window<kWidth>(x, g, groups, at, rows, columns,
                        [&](const Floats<kWidth>& value, int position) {
#pragma unroll
                          for (int lane = 0; lane < kWidth; ++lane) {
                            if (!beats<kLeast>(value.lane[lane], best.lane[lane])) continue;
                            best.lane[lane] = value.lane[lane];
                            winner[lane] = position;
                          }
                        });
    store<kWidth>(y, item, best);
    if (argmax == nullptr) continue;
    Bytes<kWidth> positions;
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) {
      positions.lane[lane] = static_cast<uint8_t>(winner[lane]);
    }
    reinterpret_cast<Bytes<kWidth>*>(argmax)[item] = positions;
  }
}

// x [N,H,W,C] as groups of kWidth -> y [N,P,Q,C].
template <int kWidth, class T>
__global__ void average_pool2d_direct(const T* x, T* y, Pool2dGeometry g, PoolItems items) {
  const int groups = static_cast<int>(items.groups.divisor);
  for (int64_t item = grid_thread(); item < items.count; item += grid_threads()) {
    const PoolItem at = items.split(item);
    const Span1d rows = g.window_rows(at.row), columns = g.window_columns(at.column);
    Floats<kWidth> sum{};
    walk_window<kWidth>(x, g, groups, at, rows, columns, [&](const Floats<kWidth>& value, int) {
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) sum.lane[lane] += value.lane[lane];
    });
    const auto divisor = static_cast<float>(g.divisor(at.row, at.column, rows, columns));
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) sum.lane[lane] /= divisor;
    store<kWidth>(y, item, sum);
  }
}

template <int kWidth, class T>
void run(const Pool2dGeometry& g, PoolMode mode, const T* x, T* y, uint8_t* argmax,
         Stream& stream) {
  const PoolItems items(g.n, g.p, g.q, g.c, kWidth);
  const LaunchShape shape = elementwise_shape(items.count);
  if (mode == PoolMode::kAverage) {
    launch(stream, "average_pool2d_direct", shape, average_pool2d_direct<kWidth, T>, x, y, g,
           items);
  } else {
    const bool least = mode == PoolMode::kMin;
    launch(stream, least ? "min_pool2d_direct" : "max_pool2d_direct", shape,
           least ? extreme_pool2d_direct<kWidth, true, T> : extreme_pool2d_direct<kWidth, false, T>,
           x, y, argmax, g, items);
  }
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const Pool2dGeometry g = pool2d_geometry(problem);
  const PoolMode mode = pool2d_options(problem).mode;
  const bool save_argmax = problem.outputs.size() == 2;
  return {.run = [=](const Args& args, Stream& stream) {
    const T* x = args.in<T>(0);
    T* y = args.out<T>(0);
    uint8_t* argmax = save_argmax ? args.out<uint8_t>(1) : nullptr;
    const bool grouped = g.c % kVector<T> == 0 && aligned16(x, y, argmax);
    (grouped ? run<kVector<T>, T> : run<1, T>)(g, mode, x, y, argmax, stream);
  }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}

}  // namespace

const Engine kPool2dDirect{"direct", DeviceType::kCuda, EngineRole::kProduct, supports_int32,
                           prepare};

}  // namespace voluta
