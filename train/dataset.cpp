#include <voluta/train/augmentation.h>
#include <voluta/train/dataset.h>

#include <algorithm>

namespace voluta {

InMemoryDataset::InMemoryDataset(LabelledImages data, const Normalization& normalization,
                                 const SmallAugmentation& augmentation)
    : data_(std::move(data)),
      normalizer_(normalization, data_.images.shape()[3]),
      augmentation_(augmentation) {}

Shape InMemoryDataset::image_shape() const {
  const Shape& s = data_.images.shape();
  return {s[1], s[2], s[3]};
}

int64_t InMemoryDataset::load(uint32_t index, uint64_t epoch, float* values) const {
  const Shape shape = image_shape();
  const int64_t height = shape[0], width = shape[1], line = width * shape[2];
  const uint8_t* pixels = data_.images.data<uint8_t>().data() + index * shape.elements();
  const PictureDraws draws{augmentation_.seed, static_cast<uint32_t>(epoch), index};
  const Shift shift = random_shift(draws, augmentation_.padding);
  const bool mirrored = random_flip(draws, augmentation_.flip);
  // Columns [left, right) of the result show the picture, the others black.
  const int64_t left = std::clamp<int64_t>(-shift.right, 0, width);
  const int64_t right = std::clamp<int64_t>(width - shift.right, left, width);
  const int64_t first = mirrored ? width - right : left;
  for (int64_t y = 0; y < height; ++y, values += line) {
    const int64_t from = y + shift.down;
    const bool inside = from >= 0 && from < height;
    if (!inside || right - left < width) normalizer_.fill_black(width, values);
    if (!inside) continue;
    normalizer_.convert(pixels + from * line + (left + shift.right) * shape[2], right - left,
                        mirrored, values + first * shape[2]);
  }
  return data_.labels.data<int64_t>()[index];
}

}  // namespace voluta
