#pragma once

// Labelled pictures in memory, and how they become batches of numbers.

#include <voluta/io/labelled_images.h>

#include <array>
#include <span>
#include <vector>

namespace voluta {

// (pixel / 255 - mean) / deviation, by channel.
struct Normalization {
  std::vector<double> mean, deviation;
};

// Mean and standard deviation of MNIST's 60,000 training images.
Normalization mnist_normalization();

class Dataset {
 public:
  // Throws invalid() where the channels of pictures and normalisation differ.
  Dataset(LabelledImages data, const Normalization& normalization);

  int64_t count() const { return data_.count(); }
  int64_t classes() const { return data_.classes; }
  Shape image_shape() const;  // [H,W,C]

  // Normalises the pictures at `indices` into images, f32 [n,H,W,C], and copies their labels,
  // i64 [n]; n is the number of indices.
  void gather(std::span<const uint32_t> indices, Tensor& images, Tensor& labels) const;

 private:
  void convert(const uint8_t* pixels, float* values) const;

  LabelledImages data_;
  std::vector<std::array<float, 256>> value_of_;  // by channel, by pixel
};

}  // namespace voluta
