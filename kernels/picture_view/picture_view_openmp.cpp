// view_pictures on the CPU: threads share the lines; of each line the columns that show the picture and
// those beside them are loops of their own.

#include <voluta/kernels/common/parallel.h>
#include <voluta/kernels/common/problem_checks.h>
#include <voluta/kernels/picture_view/picture_view_engines.h>

#include <algorithm>
#include <limits>

namespace voluta::picture_view {
namespace {

// Pixels [begin, end) of a line y [W,C] are black.
template <int kChannels>
void fill_black(const Extents& e, const float* values, int64_t begin, int64_t end, float* y) {
  const int64_t channels = kChannels > 0 ? kChannels : e.channels;
  for (int64_t w = begin; w < end; ++w) {
    for (int64_t c = 0; c < channels; ++c) y[w * channels + c] = values[c * kLevels];
  }
}

// Line h of a view; kChannels 0: any number.
template <int kChannels>
void view_line(const uint8_t* pictures, const float* values, const View& view, const Extents& e,
               int64_t h, float* y) {
  const int64_t channels = kChannels > 0 ? kChannels : e.channels;
  const int64_t row = h + view.down;
  if (row < 0 || row >= e.height) return fill_black<kChannels>(e, values, 0, e.width, y);
  // Columns of the view that lie in the picture, first as they are before mirroring.
  int64_t left = std::clamp<int64_t>(-view.right, 0, e.width);
  int64_t right = std::clamp<int64_t>(e.width - view.right, left, e.width);
  const uint8_t* line = pictures + (view.index * e.height + row) * e.width * channels;
  const uint8_t* from = line + (left + view.right) * channels;
  int64_t step = channels;
  if (view.mirrored) {
    from = line + (right - 1 + view.right) * channels;
    step = -channels;
    const int64_t mirrored_left = e.width - right;
    right = e.width - left;
    left = mirrored_left;
  }
  fill_black<kChannels>(e, values, 0, left, y);
  fill_black<kChannels>(e, values, right, e.width, y);
  for (int64_t w = left; w < right; ++w, from += step) {
    for (int64_t c = 0; c < channels; ++c) y[w * channels + c] = values[c * kLevels + from[c]];
  }
}

template <int kChannels>
Execution prepare_channels(const Problem& problem) {
  const Extents e(problem.inputs[0].shape);
  const int64_t lines = problem.outputs[0].shape[0] * e.height, line = e.width * e.channels;
  return {.run = [=](const Args& args, Stream&) {
    const auto* pictures = args.in<uint8_t>(0);
    const auto* values = args.in<float>(1);
    const auto* views = args.in<int64_t>(2);
    auto* y = args.out<float>(0);
#pragma omp parallel for if (lines * line > kParallelElements)
    for (int64_t at = 0; at < lines; ++at) {
      const View view(views + at / e.height * 4);
      if (view.names_one(e)) {
        view_line<kChannels>(pictures, values, view, e, at % e.height, y + at * line);
      } else {
        std::fill_n(y + at * line, line, std::numeric_limits<float>::quiet_NaN());
      }
    }
  }};
}

Execution prepare(const Problem& problem) {
  switch (problem.inputs[0].shape[3]) {
    case 1:
      return prepare_channels<1>(problem);
    case 3:
      return prepare_channels<3>(problem);
    default:
      return prepare_channels<0>(problem);
  }
}

}  // namespace

const Engine kOpenmp{"openmp", DeviceType::kCpu, EngineRole::kProduct, supports_nonempty_f32,
                     prepare};

}  // namespace voluta::picture_view
