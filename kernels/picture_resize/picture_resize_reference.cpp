// resize_pictures, the reference: every output by itself, over values of any floating type, which are
// moved as they are.

#include <voluta/core/dtype.h>
#include <voluta/kernels/picture_resize/picture_resize_engines.h>

#include <limits>
#include <vector>

namespace voluta::picture_resize {
namespace {

Support supports(const Problem&) {
  return Support::yes();
}

struct Output {
  Taps taps;
  std::vector<int16_t> weight;

  Output(const AxisFilter& filter, int64_t i)
      : taps(filter.taps(i)), weight(static_cast<std::size_t>(taps.count)) {
    filter.weigh(i, taps, weight.data());
  }
};

// Channel c of the pixel where a row and a column of outputs meet: resized along the rows, rounded, then
// along the column.
int level(const uint8_t* pixels, const ResizeView& view, const Output& row, const Output& column,
          int64_t c) {
  std::vector<uint8_t> line;
  for (int t = 0; t < row.taps.count; ++t) {
    const int64_t first = (row.taps.first + t) * view.columns + column.taps.first;
    line.push_back(weighted(pixels + first * 3 + c, 3, column.weight.data(), column.taps.count));
  }
  return weighted(line.data(), 1, row.weight.data(), row.taps.count);
}

template <class T>
void resize(const uint8_t* pixels, const ResizeView& view, const PictureResizeOptions& options,
            const T* values, int64_t channels, T* y) {
  const AxisFilter down(view.vertical, view.rows, options.interpolation);
  const AxisFilter across(view.horizontal, view.columns, options.interpolation);
  for (int64_t h = 0; h < options.height; ++h) {
    const Output row(down, h);
    for (int64_t w = 0; w < options.width; ++w) {
      const Output column(across, view.mirrored ? options.width - 1 - w : w);
      int rgb[3];
      for (int64_t c = 0; c < 3; ++c) rgb[c] = level(pixels, view, row, column, c);
      if (channels == 1) rgb[0] = gray_level(rgb[0], rgb[1], rgb[2]);
      for (int64_t c = 0; c < channels; ++c) *y++ = values[c * 256 + rgb[c]];
    }
  }
}

Execution prepare(const Problem& problem) {
  const auto options = problem.options_as<PictureResizeOptions>();
  const Shape y_shape = problem.outputs[0].shape;
  const int64_t capacity = problem.inputs[0].shape[0];
  return dispatch_floating(problem.outputs[0].dtype, [&]<class T>() -> Execution {
    return {.run = [=](const Args& args, Stream&) {
      const int64_t elements = y_shape[1] * y_shape[2] * y_shape[3];
      for (int64_t n = 0; n < y_shape[0]; ++n) {
        const ResizeView view(args.in<int64_t>(2) + kViewNumbers * n, y_shape[1], y_shape[2]);
        T* y = args.out<T>(0) + n * elements;
        if (view.is_sound(capacity, options.interpolation)) {
          resize(args.in<uint8_t>(0) + view.offset, view, options, args.in<T>(1), y_shape[3], y);
        } else {
          std::fill_n(y, elements, from_double<T>(std::numeric_limits<double>::quiet_NaN()));
        }
      }
    }};
  });
}

}  // namespace

const Engine kReference{"reference", DeviceType::kCpu, EngineRole::kReference, supports, prepare};

}  // namespace voluta::picture_resize
