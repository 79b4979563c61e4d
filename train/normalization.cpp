#include <voluta/core/error.h>
#include <voluta/train/normalization.h>

#include <algorithm>
#include <string>

namespace voluta {

Normalization mnist_normalization() {
  return {{0.1307}, {0.3081}};
}

Normalization imagenet_normalization(int64_t channels) {
  if (channels == 1) return {{0.449}, {0.226}};
  if (channels != 3) invalid("pictures in files have one channel or three");
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

template <std::size_t kChannels>
void Normalizer::convert_pixels(const uint8_t* pixels, int64_t width, int64_t step,
                                float* values) const {
  for (int64_t x = 0; x < width; ++x, pixels += step, values += kChannels) {
    for (std::size_t c = 0; c < kChannels; ++c) values[c] = value_of_[c][pixels[c]];
  }
}

void Normalizer::convert(const uint8_t* pixels, int64_t width, bool mirrored, float* values) const {
  const auto channels = static_cast<int64_t>(value_of_.size());
  const int64_t step = mirrored ? -channels : channels;
  if (mirrored) pixels += (width - 1) * channels;
  if (channels == 3) return convert_pixels<3>(pixels, width, step, values);
  if (channels == 1) return convert_pixels<1>(pixels, width, step, values);
  for (int64_t x = 0; x < width; ++x, pixels += step) {
    for (std::size_t c = 0; c < value_of_.size(); ++c) *values++ = value_of_[c][pixels[c]];
  }
}

Tensor Normalizer::table() const {
  Tensor table(DType::f32, {static_cast<int64_t>(value_of_.size()), 256});
  float* row = table.data<float>().data();
  for (const auto& values : value_of_) row = std::ranges::copy(values, row).out;
  return table;
}

void Normalizer::fill_black(int64_t width, float* values) const {
  for (int64_t x = 0; x < width; ++x) {
    for (const auto& table : value_of_) *values++ = table[0];
  }
}

}  // namespace voluta
