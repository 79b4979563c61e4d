#pragma once

// Labelled pictures, and how they become numbers.

#include <voluta/io/labelled_images.h>
#include <voluta/train/normalization.h>

namespace voluta {

// Pictures by number, 0 to count() - 1, all of one shape. Threads may load at the same time.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t count() const = 0;
  virtual int64_t classes() const = 0;
  virtual Shape image_shape() const = 0;  // [H,W,C]

  // Writes picture `index`, normalised and as epoch `epoch` sees it, to values [H,W,C]; gives its
  // label. What is written depends on nothing else.
  virtual int64_t load(uint32_t index, uint64_t epoch, float* values) const = 0;

  // Threads that it takes to load them.
  virtual int64_t workers() const { return 1; }
};

// How training sees small pictures: shifted by up to `padding` pixels over a black ground (He et al.
// 2015, section 4.2: 4 for CIFAR), mirrored with the probability `flip`.
struct SmallAugmentation {
  int64_t padding = 0;
  double flip = 0;
  uint64_t seed = 0;
};

// Pictures that lie decoded in memory.
class InMemoryDataset : public Dataset {
 public:
  // Throws invalid() where the channels of pictures and normalisation differ.
  InMemoryDataset(LabelledImages data, const Normalization& normalization,
                  const SmallAugmentation& augmentation = {});

  int64_t count() const override { return data_.count(); }
  int64_t classes() const override { return data_.classes; }
  Shape image_shape() const override;
  int64_t load(uint32_t index, uint64_t epoch, float* values) const override;

 private:
  LabelledImages data_;
  Normalizer normalizer_;
  SmallAugmentation augmentation_;
};

}  // namespace voluta
