// bias, algorithm "broadcast": each thread adds to neighbouring columns, four of 32 bits or eight of
// 16, or to one where their number J is not a multiple of that; the bias, read again for each row,
// stays in the caches.
//   y[row, j] = x[row, j] + b[j]
//   grid   (min(ceil(rows*J / (256*width)), 4096))     block 256     smem 0     regs 32 (sm_90a)
//   maps   group i = block*256 + thread, then + grid*256, ...
//          owns columns (i % (J/width)) * width + 0 .. width-1 of row i / (J/width)
//   limits f32, bf16, f16; fewer than 2^31 elements
//   measured never run on hardware

#include <voluta/kernels/bias/bias_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta {
namespace {

// x, y [rows, groups * kWidth], b [groups * kWidth]; count = rows * groups. y may be x's memory.
template <int kWidth, class T>
__global__ void bias_broadcast(const T* x, const T* b, T* y, int64_t count, unsigned groups) {
  for (int64_t i = grid_thread(); i < count; i += grid_threads()) {
    const Floats<kWidth> bias = load<kWidth>(b, static_cast<unsigned>(i) % groups);
    Floats<kWidth> sum = load<kWidth>(x, i);
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) sum.lane[lane] += bias.lane[lane];
    store<kWidth>(y, i, sum);
  }
}

template <class T>
Execution prepare_as(const Problem& problem) {
  const auto [rows, columns] = bias_extents(problem);
  return {.run = [rows = rows, columns = columns](const Args& args, Stream& stream) {
    const T *x = args.in<T>(0), *b = args.in<T>(1);
    T* y = args.out<T>(0);
    const bool grouped = columns % kVector<T> == 0 && aligned16(x, b, y);
    const auto groups = static_cast<unsigned>(grouped ? columns / kVector<T> : columns);
    launch(stream, "bias_broadcast", elementwise_shape(rows * groups),
           grouped ? bias_broadcast<kVector<T>, T> : bias_broadcast<1, T>, x, b, y, rows * groups,
           groups);
  }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}

}  // namespace

const Engine kBiasBroadcast{"broadcast", DeviceType::kCuda, EngineRole::kProduct, supports_int32,
                            prepare};

}  // namespace voluta
