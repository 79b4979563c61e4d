// view_pictures, the reference: over values of any floating type, which are moved as they are.

#include <voluta/core/dtype.h>
#include <voluta/kernels/picture_view/picture_view_engines.h>

#include <limits>

namespace voluta::picture_view {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

Execution prepare(const Problem& problem) {
  const Extents e(problem.inputs[0].shape);
  const int64_t count = problem.outputs[0].shape[0];
  return dispatch_floating(problem.outputs[0].dtype, [&]<class T>() -> Execution {
    return {.run = [=](const Args& args, Stream&) {
      const auto* pictures = args.in<uint8_t>(0);
      const T* values = args.in<T>(1);
      T* y = args.out<T>(0);
      for (int64_t n = 0; n < count; ++n) {
        const View view(args.in<int64_t>(2) + 4 * n);
        for (int64_t i = 0; i < e.height * e.width * e.channels; ++i, ++y) {
          const int64_t c = i % e.channels, pixel = i / e.channels;
          *y = view.names_one(e) ? values[c * kLevels + view.level(pictures, e, pixel / e.width,
                                                                   pixel % e.width, c)]
                                 : from_double<T>(std::numeric_limits<double>::quiet_NaN());
        }
      }
    }};
  });
}

}  // namespace

const Engine kReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports, prepare};

}  // namespace voluta::picture_view
