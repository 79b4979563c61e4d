#include <voluta/core/error.h>
#include <voluta/train/normalization.h>

#include <string>

namespace voluta {

Normalization mnist_normalization() {
  return {{0.1307}, {0.3081}};
}

Normalization imagenet_normalization() {
  return {{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};
}

Normalizer::Normalizer(const Normalization& normalization, int64_t channels)
    : value_of_(normalization.mean.size()) {
  const auto count = static_cast<std::size_t>(channels);
  if (normalization.mean.size() != count || normalization.deviation.size() != count) {
    invalid("the pictures have " + std::to_string(channels) + " channels, the normalisation has " +
            std::to_string(normalization.mean.size()));
  }
  for (std::size_t c = 0; c < count; ++c) {
    for (std::size_t pixel = 0; pixel < 256; ++pixel) {
      value_of_[c][pixel] =
          static_cast<float>((static_cast<double>(pixel) / 255.0 - normalization.mean[c]) /
                             normalization.deviation[c]);
    }
  }
}

void Normalizer::convert(const uint8_t* pixels, int64_t width, bool mirrored, float* values) const {
  const std::size_t channels = value_of_.size(), count = static_cast<std::size_t>(width) * channels;
  for (std::size_t c = 0; c < channels; ++c) {
    const float* table = value_of_[c].data();
    if (mirrored) {
      const uint8_t* last = pixels + count - channels;
      for (std::size_t i = 0; i < count; i += channels) values[i + c] = table[*(last - i + c)];
    } else {
      for (std::size_t i = c; i < count; i += channels) values[i] = table[pixels[i]];
    }
  }
}

void Normalizer::fill_black(int64_t width, float* values) const {
  for (int64_t x = 0; x < width; ++x) {
    for (const auto& table : value_of_) *values++ = table[0];
  }
}

}  // namespace voluta
