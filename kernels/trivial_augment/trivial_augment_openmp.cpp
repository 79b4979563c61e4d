// trivial_augment on the CPU: a thread a picture.

#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/trivial_augment/trivial_augment_picture.h>

namespace voluta::trivial_augment {
namespace {

template <int kChannels>
Execution prepare_channels(const Problem& problem) {
  const Shape shape = problem.inputs[0].shape;
  const int64_t picture = shape[1] * shape[2] * kChannels;
  const PixelNormal<float> normal(problem.options_as<PixelNormalization>());
  return {.run = [=](const Args& args, Stream&) {
#pragma omp parallel for schedule(dynamic) if (shape.elements() > kParallelElements)
    for (int64_t n = 0; n < shape[0]; ++n) {
      const Picture<float, kChannels> from{args.in<float>(0) + n * picture, shape[1], shape[2],
                                           normal};
      const Draw<float> draw{PictureChange{args.in<int64_t>(1)[n]}, args.in<float>(2)[n],
                             args.in<int64_t>(3) + 6 * n};
      change_picture(from, draw, args.out<float>(0) + n * picture);
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

}  // namespace voluta::trivial_augment
