// color_jitter on the CPU: a thread a picture.

#include <voluta/kernels/color_jitter/color_jitter_picture.h>
#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>

namespace voluta::color_jitter {
namespace {

template <int kChannels>
Execution prepare_channels(const Problem& problem) {
  const Shape shape = problem.inputs[0].shape;
  const int64_t pixels = shape[1] * shape[2];
  const PixelNormal<float> normal(problem.options_as<PixelNormalization>());
  return {.run = [=](const Args& args, Stream&) {
#pragma omp parallel for if (shape.elements() > kParallelElements)
    for (int64_t n = 0; n < shape[0]; ++n) {
      const int64_t first = n * pixels * kChannels;
      change_picture<float, kChannels>(args.in<float>(0) + first, args.out<float>(0) + first,
                                       pixels, args.in<float>(1) + kChanges * n,
                                       args.in<int64_t>(2) + kChanges * n, normal);
    }
  }};
}

Execution prepare(const Problem& problem) {
  return problem.inputs[0].shape[3] == 1 ? prepare_channels<1>(problem)
                                         : prepare_channels<3>(problem);
}

}  // namespace

const Engine kOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty_f32,
                     prepare};

}  // namespace voluta::color_jitter
