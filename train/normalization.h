#pragma once

// Pixels of 8 bits as numbers.

#include <voluta/core/tensor.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace voluta {

// (pixel / 255 - mean) / deviation, by channel.
struct Normalization {
  std::vector<double> mean, deviation;
};

// Mean and standard deviation of MNIST's 60,000 training images.
Normalization mnist_normalization();

// Of ImageNet's training images, as torchvision's models take them; for one channel the averages of the
// three. Throws invalid() for other than one or three.
Normalization imagenet_normalization(int64_t channels = 3);

// A normalisation as a table: what each pixel becomes is computed once, in double precision.
class Normalizer {
 public:
  // Throws invalid() unless there is a mean and a deviation for each channel.
  Normalizer(const Normalization& normalization, int64_t channels);

  // f32 [C,256]: what a pixel of a channel becomes.
  Tensor table() const;
  // [width, C] -> [width, C], from right to left where `mirrored`.
  void convert(const uint8_t* pixels, int64_t width, bool mirrored, float* values) const;
  // What black is.
  void fill_black(int64_t width, float* values) const;

 private:
  template <std::size_t kChannels>
  void convert_pixels(const uint8_t* pixels, int64_t width, int64_t step, float* values) const;

  std::vector<std::array<float, 256>> value_of_;  // by channel, by pixel
};

}  // namespace voluta
