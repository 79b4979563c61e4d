// batch_norm_scale_shift, algorithm "per_channel": a thread a channel.
//   scale[c] = w[c] / sqrt(var[c] + epsilon)      shift[c] = b[c] - mean[c] * scale[c]
//   grid   (C / 256)     block 256     smem 0
//   limits f32, fewer than 2^31 channels
//   bound  the launch: 24 bytes a channel
//   measured never run on hardware

#include <voluta/kernels/batch_norm/batch_norm_scale_shift_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/core/device/launch.cuh>

namespace voluta::batch_norm {
namespace {

constexpr int kBlock = 256;

__global__ void batch_norm_scale_shift(const float* weight, const float* bias, const float* mean,
                                       const float* variance, float* scale, float* shift,
                                       int channels, float epsilon) {
  const int c = static_cast<int>(blockIdx.x * kBlock + threadIdx.x);
  if (c >= channels) return;
  const float of = weight[c] / sqrtf(variance[c] + epsilon);
  scale[c] = of;
  shift[c] = fmaf(-mean[c], of, bias[c]);
}

Execution prepare(const Problem& problem) {
  const int64_t channels = problem.inputs[0].shape[0];
  const auto epsilon = static_cast<float>(problem.options_as<BatchNormScaleShiftOptions>().epsilon);
  return {.run = [=](const Args& args, Stream& stream) {
    launch(stream, "batch_norm_scale_shift",
           {.grid = {blocks_for(channels, kBlock), 1, 1}, .block = {kBlock, 1, 1}},
           batch_norm_scale_shift, args.in<float>(0), args.in<float>(1), args.in<float>(2),
           args.in<float>(3), args.out<float>(0), args.out<float>(1), static_cast<int>(channels),
           epsilon);
  }};
}

}  // namespace

const Engine kScaleShiftPerChannel{"per_channel", DeviceType::kCuda, EngineRole::kProduct,
                                   supports_f32_int32, prepare};

}  // namespace voluta::batch_norm
