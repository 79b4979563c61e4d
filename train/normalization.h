#pragma once

// Pixels of 8 bits as numbers.

#include <voluta/core/tensor.h>

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

// f32 [C,256]: what a pixel of a channel becomes, computed in double precision. Throws invalid() unless
// there are a finite mean and a finite deviation above 0 for each channel.
Tensor pixel_values(const Normalization& normalization, int64_t channels);

}  // namespace voluta
