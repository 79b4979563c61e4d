#pragma once

// Pictures in files, decoded whenever they are asked for. The device resizes the box of pixels that is
// seen; where it has more pixels than a batch has room for, or the filter reaches too far, the worker that
// decodes it does, which gives the same bits.

#include <voluta/train/augmentation.h>
#include <voluta/train/dataset.h>
#include <voluta/train/picture_index.h>

#include <variant>

namespace voluta {

// How evaluation sees a picture, torchvision's Resize and CenterCrop: the shorter side becomes
// `resize` pixels, and of the result the square of `crop` in the middle is taken. crop <= resize.
struct EvaluationView {
  int64_t resize = 256, crop = 224;
  Interpolation interpolation = Interpolation::kBilinear;
};

// How training sees it, torchvision's RandomResizedCrop and RandomHorizontalFlip: a random box
// becomes a square of `crop` pixels, mirrored with the probability `flip`. A JPEG is decoded at 1/2,
// 1/4 or 1/8 of its size where the box still has `crop` pixels a side.
struct TrainingView {
  int64_t crop = 224;
  Interpolation interpolation = Interpolation::kBilinear;
  CropRange range;
  double flip = 0.5;
  uint64_t seed = 0;
};

// At how many eighths of its size a JPEG is decoded, 1, 2, 4 or 8: the least at which the box still has
// `crop` pixels a side. Between these libjpeg-turbo has no vector instructions.
int fitting_eighths(const CropBox& box, int64_t crop);

class ImageFolder : public Dataset {
 public:
  using View = std::variant<EvaluationView, TrainingView>;

  // As many channels as the normalisation has: three are RGB, one is grey as Pillow's
  // `convert("L")` makes it of them (ITU-R 601-2). Throws invalid() for another number and for a view
  // that makes no sense.
  ImageFolder(PictureIndex index, const View& view, const Normalization& normalization,
              int64_t workers);

  int64_t count() const override { return index_.count(); }
  int64_t classes() const override { return static_cast<int64_t>(index_.classes.size()); }
  Shape image_shape() const override;
  // Throws BadPicture for a file that cannot be read.
  int64_t load(uint32_t index, uint64_t epoch, float* values) const override;
  PictureSource source() const override;
  int64_t view(uint32_t index, uint64_t epoch, int64_t* numbers, uint8_t* pixels) const override;
  uint32_t checksum() const override;
  int64_t workers() const override { return workers_; }

  const PictureIndex& index() const { return index_; }

 private:
  int64_t crop() const;
  void store(const std::string& path, const PictureDraws& draws, int64_t* numbers,
             uint8_t* pixels) const;
  int64_t capacity() const;  // bytes of a picture in a batch
  Interpolation interpolation() const;

  PictureIndex index_;
  View view_;
  Tensor values_;  // f32 [C,256]
  int64_t workers_;
};

}  // namespace voluta
