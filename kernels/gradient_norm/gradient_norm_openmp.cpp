// tensor_norms and clip_factor on the CPU: f32 squares, summed in f64 by chunks that the cores share
// and that are added in their order.

#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/common/tensor_chunks.h>
#include <voluta/kernels/gradient_norm/gradient_norm_engines.h>

#include <algorithm>

namespace voluta {
namespace {

double squares(const float* x, int64_t count) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) {
    const double value = x[i];
    sum += value * value;
  }
  return sum;
}

Execution prepare_norms(const Problem& problem) {
  const std::size_t tensors = problem.inputs.size();
  const std::vector<TensorChunk> chunks = chunks_of(problem.inputs);
  return {.workspace_bytes = (chunks.size() + tensors) * sizeof(double),
          .run = [=](const Args& args, Stream&) {
            auto* parts = static_cast<double*>(args.workspace);
            double* sums = parts + chunks.size();
#pragma omp parallel for schedule(static) if (chunks.size() > 2)
            for (std::size_t i = 0; i < chunks.size(); ++i) {
              const TensorChunk& chunk = chunks[i];
              parts[i] = squares(args.in<float>(chunk.tensor) + chunk.first, chunk.count());
            }
            std::fill_n(sums, tensors, 0.0);
            for (std::size_t i = 0; i < chunks.size(); ++i) sums[chunks[i].tensor] += parts[i];
            for (std::size_t i = 0; i < tensors; ++i) {
              args.out<float>(0)[i] = static_cast<float>(std::sqrt(sums[i]));
            }
          }};
}

Execution prepare_factor(const Problem& problem) {
  const ClipFactorOptions options = problem.options_as<ClipFactorOptions>();
  const int64_t count = problem.inputs[0].shape.elements();
  return {.run = [=](const Args& args, Stream&) {
    const double scale = options.scaled ? args.in<float>(1)[0] : 1;
    const double norm = std::sqrt(squares(args.in<float>(0), count)) / scale;
    args.out<float>(0)[0] = static_cast<float>(clip_factor(norm, options.max_norm, scale));
    args.out<float>(1)[0] = static_cast<float>(norm);
  }};
}

}  // namespace

const Engine kTensorNormsOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct,
                                supports_nonempty_f32, prepare_norms};
const Engine kClipFactorSerial{"serial", DeviceType::kCpu, EngineRole::kProduct,
                               supports_nonempty_f32, prepare_factor};

}  // namespace voluta
