// batch_norm_inference, algorithm "broadcast" (batch_norm_normalise.cuh): x and z are read and y is
// written once.
//   y[r,c] = f((x[r,c] - mean[c]) * w[c] / sqrt(var[c] + epsilon) + b[c] + z[r,c])
//   grid   (tiles of columns, rows / 4 a thread)   block 256   smem 0   regs 48 to 64 (sm_90a)
//   limits f32, fewer than 2^31 elements
//   bound  memory: 8 bytes an element, 12 with a residual
//   measured never run on hardware

#include <voluta/kernels/batch_norm/batch_norm_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/batch_norm/batch_norm_normalise.cuh>

namespace voluta::batch_norm {
namespace {

Execution prepare(const Problem& problem) {
  const Extents size = extents(problem);
  const BatchNormInferenceOptions options = problem.options_as<BatchNormInferenceOptions>();
  return {.run = [=](const Args& args, Stream& stream) {
    const InferenceOperands<float, float> at(args, options);
    const bool grouped = size.channels % 4 == 0 && aligned16(at.x, at.residual, at.y, at.weight,
                                                             at.bias, at.mean, at.variance);
    (grouped ? launch_normalise<4, true>
             : launch_normalise<1, true>)(stream, {at.x, at.residual, at.y},
                                          {at.weight, at.bias, at.mean, at.variance}, size.rows,
                                          size.channels, static_cast<float>(options.epsilon),
                                          options.activation);
  }};
}

}  // namespace

const Engine kInferenceBroadcast{"broadcast", DeviceType::kCuda, EngineRole::kProduct,
                                 supports_f32_int32, prepare};

}  // namespace voluta::batch_norm
