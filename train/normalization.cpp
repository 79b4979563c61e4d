#include <voluta/core/error.h>
#include <voluta/train/normalization.h>

#include <fmt/format.h>

#include <cmath>

namespace voluta {
namespace {

void check_channel(const Normalization& normalization, std::size_t c) {
  const double mean = normalization.mean[c], deviation = normalization.deviation[c];
  if (!std::isfinite(mean)) {
    invalid(fmt::format("the mean of channel {} is {}; it must be finite", c, mean));
  }
  if (!(deviation > 0 && std::isfinite(deviation))) {
    invalid(fmt::format("the deviation of channel {} is {}; it must be finite and above 0", c,
                        deviation));
  }
}

}  // namespace

Normalization mnist_normalization() {
  return {{0.1307}, {0.3081}};
}

Normalization imagenet_normalization(int64_t channels) {
  if (channels == 1) return {{0.449}, {0.226}};
  if (channels != 3) invalid("pictures in files have one channel or three");
  return {{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};
}

Tensor pixel_values(const Normalization& normalization, int64_t channels) {
  const auto count = static_cast<std::size_t>(channels);
  if (normalization.mean.size() != count || normalization.deviation.size() != count) {
    invalid(
        fmt::format("the pictures have {} channels, Normalization::mean has {} numbers and "
                    "Normalization::deviation {}; give one a "
                    "channel",
                    channels, normalization.mean.size(), normalization.deviation.size()));
  }
  for (std::size_t c = 0; c < count; ++c) check_channel(normalization, c);
  Tensor table(DType::f32, {channels, 256});
  float* value = table.data<float>().data();
  for (std::size_t c = 0; c < count; ++c) {
    for (int pixel = 0; pixel < 256; ++pixel) {
      *value++ =
          static_cast<float>((pixel / 255.0 - normalization.mean[c]) / normalization.deviation[c]);
    }
  }
  return table;
}

}  // namespace voluta
