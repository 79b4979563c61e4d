#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/kernels/picture_resize/picture_resize_engines.h>

#include <array>

namespace voluta {

std::string to_string(Interpolation interpolation) {
  return interpolation == Interpolation::kBilinear ? "bilinear" : "bicubic";
}

Interpolation parse_interpolation(std::string_view name) {
  if (name == "bilinear") return Interpolation::kBilinear;
  if (name == "bicubic") return Interpolation::kBicubic;
  invalid(fmt::format("interpolation '{}' is unknown; known are bilinear, bicubic", name));
}

std::vector<TensorType> ResizePictures::infer(const Options& options,
                                              std::span<const TensorType> inputs) {
  if (inputs.size() != 3) {
    invalid(fmt::format("takes bytes, values and views, not {} inputs", inputs.size()));
  }
  const TensorType &bytes = inputs[0], &values = inputs[1], &views = inputs[2];
  if (bytes.dtype != DType::u8 || bytes.shape.rank() != 1) {
    invalid(fmt::format("bytes must be u8 [B], not {}", to_string(bytes)));
  }
  const bool tables = values.shape == Shape{1, 256} || values.shape == Shape{3, 256};
  if (!is_floating(values.dtype) || !tables) {
    invalid(fmt::format("values must be floating [1,256] or [3,256], not {}", to_string(values)));
  }
  if (views.dtype != DType::i64 || views.shape.rank() != 2 ||
      views.shape[1] != picture_resize::kViewNumbers) {
    invalid(fmt::format("views must be i64 [N,{}], not {}", picture_resize::kViewNumbers,
                        to_string(views)));
  }
  if (options.height < 1 || options.width < 1) {
    invalid(fmt::format("a picture of {} x {} pixels", options.height, options.width));
  }
  return {{values.dtype, {views.shape[0], options.height, options.width, values.shape[0]}}};
}

// At least a byte is read for each that is written, whatever the boxes.
Cost ResizePictures::cost(const Problem& problem) {
  const TensorType& y = problem.outputs[0];
  const auto elements = static_cast<double>(y.shape.elements());
  return {.flops = 0, .bytes = elements * static_cast<double>(1 + size_of(y.dtype))};
}

int64_t ResizePictures::reduction_length(const Problem&) {
  return 0;
}

std::string ResizePictures::describe(const Problem& problem) {
  const Shape& y = problem.outputs[0].shape;
  const auto& options = problem.options_as<PictureResizeOptions>();
  const bool bicubic = options.interpolation == Interpolation::kBicubic;
  return fmt::format("n{}h{}w{}c{}b{}{} {}", y[0], y[1], y[2], y[3], problem.inputs[0].shape[0],
                     bicubic ? " bicubic" : "", name_of(problem.outputs[0].dtype));
}

std::span<const Engine> ResizePictures::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      picture_resize::kSeparableTiles,
#endif
      picture_resize::kOpenmp, picture_resize::kReference};
  return engines;
}

}  // namespace voluta
