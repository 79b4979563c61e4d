// color_jitter, the reference: in double precision over any floating storage.

#include <voluta/kernels/color_jitter/color_jitter_picture.h>

namespace voluta::color_jitter {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

template <int kChannels>
Execution prepare_channels(const Problem& problem) {
  const Shape shape = problem.inputs[0].shape;
  const int64_t pixels = shape[1] * shape[2];
  const PixelNormal<double> normal(problem.options_as<PixelNormalization>());
  return dispatch_floating(problem.inputs[0].dtype, [&]<class T>() -> Execution {
    return {.run = [=](const Args& args, Stream&) {
      using Factor = std::conditional_t<std::is_same_v<T, double>, double, float>;
      for (int64_t n = 0; n < shape[0]; ++n) {
        double factors[kChanges];
        for (int i = 0; i < kChanges; ++i) factors[i] = args.in<Factor>(1)[kChanges * n + i];
        const int64_t first = n * pixels * kChannels;
        change_picture<double, kChannels>(args.in<T>(0) + first, args.out<T>(0) + first, pixels,
                                          factors, args.in<int64_t>(2) + kChanges * n, normal);
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

}  // namespace voluta::color_jitter
