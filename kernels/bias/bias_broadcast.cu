// bias, algorithm "broadcast": each thread adds to four neighbouring channels, or to one where C is
// not a multiple of 4; the bias, read again for each row, stays in the caches.
//   y[row, c] = x[row, c] + b[c]
//   grid   (min(ceil(rows*C / (256*width)), 4096))     block 256     smem 0     regs 32 (sm_90a)
//   maps   group i = block*256 + thread, then + grid*256, ...
//          owns channels (i % (C/width)) * width + 0 .. width-1 of row i / (C/width)
//   limits f32, fewer than 2^31 elements
//   measured never run on hardware

#include <voluta/kernels/bias/bias_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/common/elementwise.cuh>

namespace voluta {
namespace {

// x, y [rows, groups * kWidth], b [groups * kWidth]; count = rows * groups. y may be x's memory.
template <int kWidth>
__global__ void bias_broadcast(const float* x, const float* b, float* y, int64_t count,
                               unsigned groups) {
  for (int64_t i = grid_thread(); i < count; i += grid_threads()) {
    const Floats<kWidth> bias = load<kWidth>(b, static_cast<unsigned>(i) % groups);
    Floats<kWidth> sum = load<kWidth>(x, i);
#pragma unroll
    for (int lane = 0; lane < kWidth; ++lane) sum.lane[lane] += bias.lane[lane];
    store<kWidth>(y, i, sum);
  }
}

Execution prepare(const Problem& problem) {
  const auto [rows, channels] = bias_extents(problem);
  return {.run = [rows = rows, channels = channels](const Args& args, Stream& stream) {
    const float *x = args.in<float>(0), *b = args.in<float>(1);
    float* y = args.out<float>(0);
    const bool grouped = channels % 4 == 0 && aligned16(x, b, y);
    const auto groups = static_cast<unsigned>(grouped ? channels / 4 : channels);
    launch(stream, "bias_broadcast", elementwise_shape(rows * groups),
           grouped ? bias_broadcast<4> : bias_broadcast<1>, x, b, y, rows * groups, groups);
  }};
}

}  // namespace

const Engine kBiasBroadcast{"broadcast", DeviceType::kCuda, EngineRole::kProduct,
                            supports_f32_int32, prepare};

}  // namespace voluta
