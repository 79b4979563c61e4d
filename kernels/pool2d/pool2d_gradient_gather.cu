// max_pool2d_gradient and average_pool2d_gradient, algorithm "gather": each thread owns
// neighbouring channels of one input pixel, four of 32 bits or eight of 16 (one where C is not a
// multiple of that), and adds up what
// the windows that cover it owe it, in row-major order of the windows: no atomics, one order.
//   max      dx[n,h,w,c] = sum of dy[n,p,q,c] over the windows (p,q) whose argmax[n,p,q,c] is
//                          (h+top-p*u)*S + (w+left-q*v)
//   average  dx[n,h,w,c] = sum of dy[n,p,q,c] / D(p,q) over the windows (p,q) that cover (h,w)
//   grid   (min(ceil(N*H*W*C / (256*width)), 4096))     block 256     smem 0     regs 48 (sm_90a)
//   maps   item i = block*256 + thread, then + grid*256, ...
//          i = ((n*H + h)*W + w)*(C/width) + group
//          covering rows  p = floor((h+top-R)/u)+1 .. floor((h+top)/u), clipped to [0, P)
//          of max where windows do not overlap, items of dy, each of which writes the pixels of dx from
//          its window's first up to the next window (max_pool2d_gradient_divided, regs 55): dy and argmax
//          are read once, and an item is split once for all its pixels
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

// The same where windows do not overlap, by items of dy: a thread writes all pixels of dx that its output
// pixel stands for, zeros where it did not win and between windows.
template <int kWidth, class T>
__global__ void max_pool2d_gradient_divided(const T* dy, const uint8_t* argmax, T* dx,
                                            Pool2dGeometry g, PoolItems items) {
  const int groups = static_cast<int>(items.groups.divisor);
  for (int64_t item = grid_thread(); item < items.count; item += grid_threads()) {
    const PoolItem at = items.split(item);
    const Floats<kWidth> value = load<kWidth>(dy, item);
    const auto winner = reinterpret_cast<const Bytes<kWidth>*>(argmax)[item];
    const Span1d rows = g.own_rows(at.row), columns = g.own_columns(at.column);
    for (int h = rows.begin; h < rows.end; ++h) {
      const int r = h + g.top - at.row * g.u;
      for (int w = columns.begin; w < columns.end; ++w) {
        const int s = w + g.left - at.column * g.v;
        const int here = s < g.s ? r * g.s + s : -1;  // below the window no winner's
        Floats<kWidth> gradient;
#pragma unroll
        for (int lane = 0; lane < kWidth; ++lane) {
          gradient.lane[lane] = winner.lane[lane] == here ? value.lane[lane] : 0.0f;
        }
        store<kWidth>(dx, static_cast<int64_t>((at.n * g.h + h) * g.w + w) * groups + at.group,
                      gradient);
      }
    }
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

constexpr int kMostOwnPixels = 16;  // of a thread; where there are more, threads may be too few

template <int kWidth, class T>
void run(const Pool2dGeometry& g, const T* dy, const uint8_t* argmax, T* dx, Stream& stream) {
  if (argmax != nullptr && g.is_divided() && g.u * g.v <= kMostOwnPixels) {
    const PoolItems outputs(g.n, g.p, g.q, g.c, kWidth);
    return launch(stream, "max_pool2d_gradient_divided", elementwise_shape(outputs.count),
                  max_pool2d_gradient_divided<kWidth, T>, dy, argmax, dx, g, outputs);
  }
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
