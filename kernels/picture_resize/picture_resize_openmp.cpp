// resize_pictures on the CPU: threads share the pictures, each resized with vector instructions
// (resizer.h).

#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/picture_resize/picture_resize_engines.h>
#include <voluta/kernels/picture_resize/resizer.h>

#include <algorithm>
#include <limits>

namespace voluta::picture_resize {
namespace {

Execution prepare(const Problem& problem) {
  const auto interpolation = problem.options_as<PictureResizeOptions>().interpolation;
  const Shape shape = problem.outputs[0].shape;
  const int64_t capacity = problem.inputs[0].shape[0];
  return {.run = [=](const Args& args, Stream&) {
    const auto* bytes = args.in<uint8_t>(0);
    const auto* values = args.in<float>(1);
    const auto* views = args.in<int64_t>(2);
    auto* y = args.out<float>(0);
    const int64_t elements = shape[1] * shape[2] * shape[3];
#pragma omp parallel for schedule(dynamic)
    for (int64_t n = 0; n < shape[0]; ++n) {
      thread_local Resizer resizer;  // keeps its memory
      const ResizeView view(views + kViewNumbers * n, shape[1], shape[2]);
      if (view.is_sound(capacity, interpolation)) {
        resizer.write_values(bytes + view.offset, view, interpolation, values, shape[3],
                             y + n * elements);
      } else {
        std::fill_n(y + n * elements, elements, std::numeric_limits<float>::quiet_NaN());
      }
    }
  }};
}

}  // namespace

const Engine kOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty_f32,
                     prepare};

}  // namespace voluta::picture_resize
