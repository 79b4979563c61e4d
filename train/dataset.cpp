#include <voluta/core/error.h>
#include <voluta/train/dataset.h>

namespace voluta {

Normalization mnist_normalization() {
  return {{0.1307}, {0.3081}};
}

Dataset::Dataset(LabelledImages data, const Normalization& normalization)
    : data_(std::move(data)), value_of_(normalization.mean.size()) {
  const auto channels = static_cast<std::size_t>(data_.images.shape()[3]);
  if (normalization.mean.size() != channels || normalization.deviation.size() != channels) {
    invalid("the pictures have " + std::to_string(channels) + " channels, the normalisation has " +
            std::to_string(normalization.mean.size()));
  }
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t pixel = 0; pixel < 256; ++pixel) {
      value_of_[c][pixel] =
          static_cast<float>((static_cast<double>(pixel) / 255.0 - normalization.mean[c]) /
                             normalization.deviation[c]);
    }
  }
}

Shape Dataset::image_shape() const {
  const Shape& s = data_.images.shape();
  return {s[1], s[2], s[3]};
}

void Dataset::gather(std::span<const uint32_t> indices, Tensor& images, Tensor& labels) const {
  const auto pixels_per_image = static_cast<std::size_t>(image_shape().elements());
  const std::span<const uint8_t> pixels = data_.images.data<uint8_t>();
  const std::span<const int64_t> all_labels = data_.labels.data<int64_t>();
  float* values = images.data<float>().data();
  const std::span<int64_t> chosen = labels.data<int64_t>();
  for (std::size_t i = 0; i < indices.size(); ++i) {
    chosen[i] = all_labels[indices[i]];
    convert(pixels.data() + indices[i] * pixels_per_image, values + i * pixels_per_image);
  }
}

void Dataset::convert(const uint8_t* pixels, float* values) const {
  const auto count = static_cast<std::size_t>(image_shape().elements());
  const std::size_t channels = value_of_.size();
  for (std::size_t c = 0; c < channels; ++c) {
    const std::array<float, 256>& table = value_of_[c];
    for (std::size_t i = c; i < count; i += channels) values[i] = table[pixels[i]];
  }
}

}  // namespace voluta
