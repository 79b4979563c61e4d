// max_pool2d_gradient and average_pool2d_gradient, algorithm "gather": each thread owns
// neighbouring channels of one input pixel, four of 32 bits or eight of 16 (one where C is not a
// multiple of that), and adds up what
// the windows that cover it owe it, in row-major order of the windows: no atomics, one order.
//   max      dx[n,h,w,c] = sum of dy[n,p,q,c] over the windows (p,q) whose argmax[n,p,q,c] is
//                          (h+top-p*u)*S + (w+left-q*v)
//   average  dx[n,h,w,c] = sum of dy[n,p,q,c] / D(p,q) over the windows (p,q) that cover (h,w)
//   grid   (min(ceil(N*H*W*C / (256*width)), 4096))     block 256     smem 0     regs 50 (sm_90a)
//   maps   item i = block*256 + thread, then + grid*256, ...
//          i = ((n*H + h)*W + w)*(C/width) + group
//          covering rows  p = floor((h+top-R)/u)+1 .. floor((h+top)/u), clipped to [0, P)
//   limits f32, bf16, f16; fewer than 2^31 elements
//   measured never run on hardware

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/pool2d/pool2d_walk.cuh>

namespace voluta {
namespace {

// dy, argmax [N,P,Q,C] as groups of kWidth -> dx [N,H,W,C].
template <int kWidth, class T>
__global__ void max_pool2d_gradient_gather(const T* dy, const uint8_t* argmax, T* dx,
                                           Pool2dGeometry g, PoolItems items) {
  const int groups = static_cast<int>(items.groups.divisor);
  for (int64_t item = grid_thread(); item < items.count; item += grid_threads()) {
    const PoolItem at = items.split(item);
    Floats<kWidth> sum{};
    walk_covering(g, groups, at, [&](int64_t out, int p, int q) {
      const int here = (at.row + g.top - p * g.u) * g.s + at.column + g.left - q * g.v;
      const Floats<kWidth> value = load<kWidth>(dy, out);
      const auto winner = reinterpret_cast<const Bytes<kWidth>*>(argmax)[out];
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) {
        if (winner.lane[lane] == here) sum.lane[lane] += value.lane[lane];
      }
    });
    store<kWidth>(dx, item, sum);
  }
}

// dy [N,P,Q,C] as groups of kWidth -> dx [N,H,W,C].
template <int kWidth, class T>
__global__ void average_pool2d_gradient_gather(const T* dy, T* dx, Pool2dGeometry g,
                                               PoolItems items) {
  const int groups = static_cast<int>(items.groups.divisor);
  for (int64_t item = grid_thread(); item < items.count; item += grid_threads()) {
    Floats<kWidth> sum{};
    walk_covering(g, groups, items.split(item), [&](int64_t out, int p, int q) {
      const int divisor = g.divisor(p, q, g.window_rows(p), g.window_columns(q));
      const Floats<kWidth> value = load<kWidth>(dy, out);
#pragma unroll
      for (int lane = 0; lane < kWidth; ++lane) {
        sum.lane[lane] += value.lane[lane] / static_cast<float>(divisor);
      }
    });
    store<kWidth>(dx, item, sum);
  }
}

template <int kWidth, class T>
void run(const Pool2dGeometry& g, const T* dy, const uint8_t* argmax, T* dx, Stream& stream) {
  const PoolItems items(g.n, g.h, g.w, g.c, kWidth);
  const LaunchShape shape = elementwise_shape(items.count);
  if (argmax != nullptr) {
    launch(stream, "max_pool2d_gradient_gather", shape, max_pool2d_gradient_gather<kWidth, T>, dy,
           argmax, dx, g, items);
  } else {
    launch(stream, "average_pool2d_gradient_gather", shape,
           average_pool2d_gradient_gather<kWidth, T>, dy, dx, g, items);
  }
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const bool reads_argmax = problem.inputs.size() == 2;
  return {.run = [g = pool2d_geometry(problem), reads_argmax](const Args& args, Stream& stream) {
    const T* dy = args.in<T>(0);
    const uint8_t* argmax = reads_argmax ? args.in<uint8_t>(1) : nullptr;
    T* dx = args.out<T>(0);
    const bool grouped = g.c % kVector<T> == 0 && aligned16(dy, argmax, dx);
    (grouped ? run<kVector<T>, T> : run<1, T>)(g, dy, argmax, dx, stream);
  }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}

}  // namespace

const Engine kMaxPool2dGradientGather{"gather", DeviceType::kCuda, EngineRole::kProduct,
                                      supports_int32, prepare};
const Engine kAveragePool2dGradientGather{"gather", DeviceType::kCuda, EngineRole::kProduct,
                                          supports_int32, prepare};

}  // namespace voluta
