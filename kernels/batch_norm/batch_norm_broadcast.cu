// batch_norm_inference, algorithm "broadcast" (batch_norm_normalise.cuh): x read and y written once.
//   y[r,c] = (x[r,c] - mean[c]) * w[c] / sqrt(var[c] + epsilon) + b[c]
//   grid   (tiles of columns, rows / 4 a thread)   block 256   smem 0   regs 60 (sm_90a)
//   limits f32, fewer than 2^31 elements
//   bound  memory: 8 bytes an element
//   measured never run on hardware

#include <voluta/kernels/batch_norm/batch_norm_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/batch_norm/batch_norm_normalise.cuh>

namespace voluta::batch_norm {
namespace {

Execution prepare(const Problem& problem) {
  const Extents size = extents(problem);
  const auto epsilon = static_cast<float>(problem.options_as<BatchNormInferenceOptions>().epsilon);
  return {.run = [=](const Args& args, Stream& stream) {
    const float* x = args.in<float>(0);
    float* y = args.out<float>(0);
    const ChannelVectors of{args.in<float>(1), args.in<float>(2), args.in<float>(3),
                            args.in<float>(4)};
    const bool grouped =
        size.channels % 4 == 0 && aligned16(x, y, of.weight, of.bias, of.mean, of.spread);
    (grouped ? launch_normalise<4, true> : launch_normalise<1, true>)(stream, x, y, of, size.rows,
                                                                      size.channels, epsilon);
  }};
}

}  // namespace

const Engine kInferenceBroadcast{"broadcast", DeviceType::kCuda, EngineRole::kProduct,
                                 supports_f32_int32, prepare};

}  // namespace voluta::batch_norm
