#pragma once

// Labelled pictures, and how they become numbers.

#include <voluta/io/labelled_images.h>
#include <voluta/kernels/picture_resize/picture_resize.h>
#include <voluta/train/normalization.h>

#include <variant>

namespace voluta {

// In which form pictures reach the device, where the first op of a graph makes a batch of them. What is
// pointed to is valid as long as the set.

// As the numbers that load() gives.
struct LoadedPictures {};

// Not at all: the device holds the whole set, and kernels/picture_view makes batches from views.
struct ResidentPictures {
  const Tensor* pixels;  // u8 [M,H,W,C]
  const Tensor* values;  // f32 [C,256]: what a pixel of a channel becomes
};

// As a box of decoded pixels each, up to `capacity` bytes, which kernels/picture_resize resizes by a view.
struct BoxedPictures {
  int64_t capacity;
  Interpolation interpolation;
  const Tensor* values;  // f32 [C,256]
};

using PictureSource = std::variant<LoadedPictures, ResidentPictures, BoxedPictures>;

// Numbers of a picture's view; 0 where there is none.
int64_t view_numbers(const PictureSource& source);

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

  virtual PictureSource source() const { return LoadedPictures{}; }

  // Of resident and boxed pictures: how epoch `epoch` sees picture `index`, as the view_numbers() of its
  // op, and of boxed ones the pixels that it sees, [capacity]; gives the label. The op makes of them what
  // load() writes, bit for bit.
  virtual int64_t view(uint32_t index, uint64_t epoch, int64_t* numbers, uint8_t* pixels) const;

  // CRC-32 of what tells the set from others without decoding it: labels in their order, pixels that lie in memory,
  // and of pictures in files the names below the set's folder. 0: not known.
  virtual uint32_t checksum() const { return 0; }

  // Threads that it takes to load them.
  virtual int64_t workers() const { return 1; }
};

// Throws invalid() where the set has labels beyond those of a model of so many classes.
void check_classes(const Dataset& data, int64_t classes);

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
  // Throws invalid() for what check_labelled_images() and pixel_values() refuse.
  InMemoryDataset(LabelledImages data, const Normalization& normalization,
                  const SmallAugmentation& augmentation = {});

  int64_t count() const override { return data_.count(); }
  int64_t classes() const override { return data_.classes; }
  Shape image_shape() const override;
  int64_t load(uint32_t index, uint64_t epoch, float* values) const override;
  // Resident up to a GiB; what is larger comes batch by batch.
  PictureSource source() const override;
  int64_t view(uint32_t index, uint64_t epoch, int64_t* numbers, uint8_t* pixels) const override;
  uint32_t checksum() const override;

 private:
  LabelledImages data_;
  Tensor values_;
  SmallAugmentation augmentation_;
};

}  // namespace voluta
