#include <fmt/format.h>
#include <voluta/core/error.h>
#include <voluta/kernels/picture_view/picture_view_engines.h>

#include <array>

namespace voluta {

std::vector<TensorType> ViewPictures::infer(const Options&, std::span<const TensorType> inputs) {
  if (inputs.size() != 3) {
    invalid(fmt::format("takes pictures, values and views, not {} inputs", inputs.size()));
  }
  const TensorType &pictures = inputs[0], &values = inputs[1], &views = inputs[2];
  if (pictures.dtype != DType::u8 || pictures.shape.rank() != 4) {
    invalid(fmt::format("pictures must be u8 [M,H,W,C], not {}", to_string(pictures)));
  }
  const Shape& s = pictures.shape;
  if (!is_floating(values.dtype) || values.shape != Shape{s[3], 256}) {
    invalid(fmt::format("values must be floating [{},256], not {}", s[3], to_string(values)));
  }
  if (views.dtype != DType::i64 || views.shape.rank() != 2 || views.shape[1] != 4) {
    invalid(fmt::format("views must be i64 [N,4], not {}", to_string(views)));
  }
  return {{values.dtype, {views.shape[0], s[1], s[2], s[3]}}};
}

Cost ViewPictures::cost(const Problem& problem) {
  const TensorType& y = problem.outputs[0];
  const auto elements = static_cast<double>(y.shape.elements());
  return {.flops = 0, .bytes = elements * static_cast<double>(1 + size_of(y.dtype))};
}

int64_t ViewPictures::reduction_length(const Problem&) {
  return 0;
}

std::string ViewPictures::describe(const Problem& problem) {
  const Shape& y = problem.outputs[0].shape;
  return fmt::format("n{}m{}h{}w{}c{} {}", y[0], problem.inputs[0].shape[0], y[1], y[2], y[3],
                     name_of(problem.outputs[0].dtype));
}

std::span<const Engine> ViewPictures::engines() {
  static const std::array engines{
#ifdef VOLUTA_WITH_CUDA
      picture_view::kElementwise,
#endif
      picture_view::kOpenmp, picture_view::kReference};
  return engines;
}

}  // namespace voluta
