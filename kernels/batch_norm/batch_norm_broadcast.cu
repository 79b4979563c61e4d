// batch_norm_inference, algorithm "broadcast" (batch_norm_normalise.cuh): x and z are read and y is
// written once.
//   y[r,c] = f((x[r,c] - mean[c]) * w[c] / sqrt(var[c] + epsilon) + b[c] + z[r,c])
//   grid   (tiles of columns, rows / 4 a thread)   block 256   smem 0   regs 54-74, of 16 bits 63-80 (sm_90a)
//   limits x, z, y of f32, bf16 or f16; fewer than 2^31 elements
//   bound  memory: 8 bytes an element, 12 with a residual; of 16 bits half of that
//   measured never run on hardware

#include <voluta/kernels/batch_norm/batch_norm_engines.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/batch_norm/batch_norm_normalise.cuh>

namespace voluta::batch_norm {
namespace {

template <class T>
Execution prepare_as(const Problem& problem) {
  const Extents size = extents(problem);
  const BatchNormInferenceOptions options = problem.options_as<BatchNormInferenceOptions>();
  return {.run = [=](const Args& args, Stream& stream) {
    const InferenceOperands<T, float> at(args, options);
    const bool grouped =
        size.channels % kVector<T> == 0 &&
        aligned16(at.x, at.residual, at.y, at.weight, at.bias, at.mean, at.variance);
    (grouped ? launch_normalise<kVector<T>, true, T>
             : launch_normalise<1, true, T>)(stream, {at.x, at.residual, at.y},
                                             {at.weight, at.bias, at.mean, at.variance}, size.rows,
                                             size.channels, static_cast<float>(options.epsilon),
                                             options.activation);
  }};
}

Execution prepare(const Problem& problem) {
  return dispatch_elements(problem, [&]<class T>() { return prepare_as<T>(problem); });
}

}  // namespace

const Engine kInferenceBroadcast{"broadcast", DeviceType::kCuda, EngineRole::kProduct,
                                 supports_int32, prepare};

}  // namespace voluta::batch_norm
