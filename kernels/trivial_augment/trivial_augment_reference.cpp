// trivial_augment, the reference: in double precision over any floating storage.

#include <voluta/kernels/trivial_augment/trivial_augment_picture.h>

namespace voluta::trivial_augment {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

template <int kChannels>
Execution prepare_channels(const Problem& problem) {
  const Shape shape = problem.inputs[0].shape;
  const int64_t picture = shape[1] * shape[2] * kChannels;
  const PixelNormal<double> normal(problem.options_as<PixelNormalization>());
  return dispatch_floating(problem.inputs[0].dtype, [&]<class T>() -> Execution {
    return {.run = [=](const Args& args, Stream&) {
      using Factor = std::conditional_t<std::is_same_v<T, double>, double, float>;
      for (int64_t n = 0; n < shape[0]; ++n) {
        const Picture<double, kChannels, T> from{args.in<T>(0) + n * picture, shape[1], shape[2],
                                                 normal};
        const Draw<double> draw{PictureChange{args.in<int64_t>(1)[n]}, args.in<Factor>(2)[n],
                                args.in<int64_t>(3) + 6 * n};
        change_picture(from, draw, args.out<T>(0) + n * picture);
      }
    }};
  });
}

Execution prepare(const Problem& problem) {
  return problem.inputs[0].shape[3] == 1 ? prepare_channels<1>(problem)
                                         : prepare_channels<3>(problem);
}

}  // namespace

const Engine kReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports, prepare};

}  // namespace voluta::trivial_augment
